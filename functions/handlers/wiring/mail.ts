import { extname } from 'node:path';
import * as z from 'zod';
import type { Database } from '../../database/connect.ts';
import { mailSends } from '../../mail/operations/sends.ts';
import { unsubscribeUrl } from '../../mail/operations/unsubscribe.ts';
import type { EmailPorts } from '../../tasks/kinds/email-send/wired.ts';
import { outboundTurns } from '../../tasks/worker/outbound.ts';
import { logger } from './logger.ts';

/** The module in the folder beside the entries, as source or as bundle. The computed name keeps bundlers from following the import. */
const companionOf = (entry: string) => new URL(`./companions/mail${extname(entry)}`, entry).href;

export const mailEnv = {
  /** A server of SMTP, such as `smtps://user:password@smtp.example.com:465`. Empty means SES. */
  SMTP_URL: z.union([z.literal(''), z.url({ protocol: /^smtps?$/ })]).default(''),
  /** Name of a secret whose text is such a URL. Empty means none. */
  SMTP_URL_SECRET: z.string().default(''),
  /** SES publishes bounces and complaints of this set. */
  MAIL_CONFIGURATION_SET: z.string().min(1),
  INSTALLATION_URL: z.string().default(''),
};

type MailEnv = z.output<z.ZodObject<typeof mailEnv>>;

/** The exports of `companions/mail.ts`. */
type Companion = {
  openMailer: (env: MailEnv, onFailure: (error: unknown) => void) => ReturnType<EmailPorts['openMailer']>;
};

/**
 * Returns what the handler of `email.send` needs.
 *
 * @param entry URL of the function's entry: the module that sends is beside it
 */
export function emailPorts(env: MailEnv, { db, entry }: { db: Database; entry: string }): EmailPorts {
  const takeTurn = outboundTurns(db);
  let mailer: ReturnType<EmailPorts['openMailer']> | undefined;
  const open = async () => {
    const { openMailer }: Companion = await import(companionOf(entry));
    return openMailer(env, (error) => logger.warn('the rate of SES cannot be read', { error }));
  };
  return {
    sends: mailSends(db),
    openMailer: () => {
      mailer ??= open().catch((error: unknown) => {
        // The next mail tries again.
        mailer = undefined;
        throw error;
      });
      return mailer;
    },
    unsubscribeUrl: (organizationId, address) =>
      unsubscribeUrl(db, { installation: env.INSTALLATION_URL, organizationId, address }),
    turnWith: async (organizationId, domain) => {
      // No name of a host has a colon: mails and requests to a host have turns of their own.
      const turn = await takeTurn(organizationId)(`mail:${domain}`);
      return turn.kind === 'go' ? turn.afterSeconds : undefined;
    },
    logError: (message, error) => logger.error(message, { error }),
  };
}
