import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { CLIENT_SETTINGS } from '../../aws/client-settings.ts';
import { secretReader } from '../../aws/secrets.ts';
import { sesMailer } from '../../aws/ses.ts';
import { compose } from '../../mail/transport/compose.ts';
import { smtpTransport } from '../../mail/transport/smtp.ts';

/*
 * This module is a bundle of its own. The worker loads it with the first mail: it brings what composes MIME and what speaks with
 * SES and SMTP, and other invocations must not pay for it at a cold start.
 */

type MailEnv = { SMTP_URL: string; SMTP_URL_SECRET: string; MAIL_CONFIGURATION_SET: string };

/**
 * Returns the way to send mail: by the server of SMTP that the environment names, and else by SES.
 *
 * @param onFailure called when the rate of SES cannot be read
 */
export async function openMailer(env: MailEnv, onFailure: (error: unknown) => void) {
  const smtpUrl = await readSmtpUrl(env);
  if (smtpUrl === '') {
    const mailer = sesMailer({ configurationSet: env.MAIL_CONFIGURATION_SET, onFailure });
    return { provider: 'ses', compose, ...mailer };
  }
  return {
    provider: 'smtp',
    compose,
    send: smtpTransport(smtpUrl),
    recipientsPerSecond: async () => undefined,
  };
}

/** Returns the server's URL with its login; empty for SES. A configured secret takes precedence over the environment. */
async function readSmtpUrl({ SMTP_URL, SMTP_URL_SECRET }: MailEnv): Promise<string> {
  if (SMTP_URL_SECRET === '') return SMTP_URL;
  const read = secretReader(new SecretsManagerClient(CLIENT_SETTINGS), SMTP_URL_SECRET);
  return (await read('AWSCURRENT'))?.trim() ?? '';
}
