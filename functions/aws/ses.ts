import {
  GetAccountCommand,
  SESv2Client,
  SESv2ServiceException,
  SendEmailCommand,
} from '@aws-sdk/client-sesv2';
import { type Mailer, ORIGIN_TAGS, type SendAnswer } from '../mail/message.ts';

/**
 * Settings of the client that sends. The SDK must not repeat a request: SES has no idempotency key, and would send a mail twice. A
 * kept connection may have been closed by SES in the meantime. A request on it would fail without telling if SES has read it.
 */
const SETTINGS = {
  maxAttempts: 1,
  requestHandler: {
    connectionTimeout: 3_000,
    requestTimeout: 20_000,
    throwOnRequestTimeout: true,
    httpAgent: { keepAlive: false },
    httpsAgent: { keepAlive: false },
  },
} as const;

/** Milliseconds for which the account's rate is remembered. */
const RATE_MS = 10 * 60_000;

/** Recipients per second while the account's rate is unknown: the rate of an account in the sandbox. */
const SLOWEST_RATE = 1;

/** Errors of a connection that was never made: SES has seen nothing. */
const NOT_CONNECTED = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

/** Statuses with which SES says that it has not taken a request. After another 5xx, it may have taken it. */
const isRefusal = (status: number) => status < 500 || status === 503;

/** Statuses that another attempt may not meet. */
const isPassing = (status: number) => status === 429 || status === 503;

/**
 * Sends mail by SES.
 *
 * @param configurationSet publishes bounces and complaints
 * @param onFailure called when the account's rate cannot be read
 */
export function sesMailer({
  configurationSet,
  onFailure,
}: {
  configurationSet: string;
  onFailure: (error: unknown) => void;
}): Mailer {
  const client = new SESv2Client(SETTINGS);
  let rate: { value: number; until: number } | undefined;
  return {
    async send({ from, recipients, raw }, origin) {
      const command = new SendEmailCommand({
        FromEmailAddress: from,
        Destination: { ToAddresses: [...recipients] },
        Content: { Raw: { Data: raw } },
        ConfigurationSetName: configurationSet,
        EmailTags: Object.entries(ORIGIN_TAGS).map(([field, Name]) => ({
          Name,
          Value: origin[field as keyof typeof ORIGIN_TAGS],
        })),
      });
      try {
        const { MessageId = '' } = await client.send(command);
        return { kind: 'sent', messageId: MessageId, refused: [] };
      } catch (error) {
        return answerTo(error);
      }
    },
    async recipientsPerSecond() {
      if (rate && rate.until > Date.now()) return rate.value;
      try {
        const { SendQuota } = await client.send(new GetAccountCommand({}));
        rate = { value: SendQuota?.MaxSendRate || SLOWEST_RATE, until: Date.now() + RATE_MS };
      } catch (error) {
        onFailure(error);
      }
      return rate?.value ?? SLOWEST_RATE;
    },
  };
}

function answerTo(error: unknown): SendAnswer {
  const message = error instanceof Error ? error.message : String(error);
  const status = error instanceof SESv2ServiceException ? error.$metadata.httpStatusCode : undefined;
  if (status !== undefined && isRefusal(status)) {
    const code = isPassing(status) ? 'mail_provider_busy' : 'mail_refused';
    return { kind: 'refused', code, message, isRetryable: isPassing(status) };
  }
  if (status === undefined && isNotConnected(error)) {
    return { kind: 'refused', code: 'mail_provider_unavailable', message, isRetryable: true };
  }
  return { kind: 'unknown', message };
}

function isNotConnected(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ('code' in error && NOT_CONNECTED.has(String(error.code))) return true;
  // The SDK's own time-out of the connection. Its time-out of the request has another message.
  return error.name === 'TimeoutError' && /establish a connection|connection timed out/i.test(error.message);
}
