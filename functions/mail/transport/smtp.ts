import { Readable } from 'node:stream';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import type { ComposedMail, SendAnswer, Transport } from '../message.ts';

/** Milliseconds to wait for a connection, for the server's greeting, and for any of its answers. */
const TIME_OUTS = { connectionTimeout: 5_000, greetingTimeout: 5_000, socketTimeout: 20_000 };

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

type SmtpError = Error & { code?: string | undefined; responseCode?: number | undefined };

/**
 * Returns a transport by SMTP, with a connection for each mail.
 *
 * The server takes a mail with its answer to the end of the content. When the whole content was handed over and no answer came, the
 * server may have the mail. A connection that ends earlier cannot have transmitted the end of the content.
 *
 * @param address such as `smtps://user:password@smtp.example.com:465`. A login is sent only over TLS, except to this machine
 */
export function smtpTransport(address: string): Transport {
  const url = new URL(address);
  const auth = url.username !== '' && {
    user: decodeURIComponent(url.username),
    pass: decodeURIComponent(url.password),
  };
  const secure = url.protocol === 'smtps:';
  const options = {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || (secure ? 465 : 587)),
    secure,
    requireTLS: auth !== false && !LOOPBACK.has(url.hostname),
    ...TIME_OUTS,
  };
  return (mail) => {
    const connection = new SMTPConnection(options);
    // In pieces: a stream of one piece ends as soon as the piece is buffered, long before it is sent.
    const content = Readable.from(pieces(mail.raw), { objectMode: false });
    let isHandedOver = false;
    content.once('end', () => {
      isHandedOver = true;
    });
    return new Promise<SendAnswer>((resolve) => {
      const end = (answer: SendAnswer) => {
        resolve(answer);
        connection.close();
      };
      const fail = (error: SmtpError) => end(answerTo(error, isHandedOver));
      const send = () =>
        connection.send({ from: mail.from, to: [...mail.recipients] }, content, (error, info) => {
          if (error) return fail(error);
          resolve(sent(mail, info));
          connection.quit();
        });
      connection.on('error', fail);
      connection.connect((error) => {
        if (error) return fail(error);
        if (!auth) return send();
        connection.login({ credentials: auth }, (refused) => (refused ? fail(refused) : send()));
      });
    });
  };
}

/** Bytes that are handed over at once. */
const PIECE_BYTES = 16_384;

function* pieces(content: Buffer): Generator<Buffer> {
  for (let at = 0; at < content.length; at += PIECE_BYTES) yield content.subarray(at, at + PIECE_BYTES);
}

type SendInfo = {
  rejected?: readonly string[] | undefined;
  rejectedErrors?: readonly (Error & { recipient?: string | undefined })[] | undefined;
};

function sent({ messageId }: ComposedMail, { rejected = [], rejectedErrors = [] }: SendInfo): SendAnswer {
  const reasons = new Map(rejectedErrors.map(({ recipient, message }) => [recipient, message]));
  const refused = rejected.map((address) => ({ address, reason: reasons.get(address) ?? 'Refused' }));
  return { kind: 'sent', messageId, refused };
}

function answerTo({ message, responseCode, code = '' }: SmtpError, isHandedOver: boolean): SendAnswer {
  // An answer of the server. A 4yz may change, a 5yz will not (RFC 5321, 4.2.1).
  if (responseCode !== undefined) {
    return { kind: 'refused', code: 'mail_refused', message, isRetryable: responseCode < 500 };
  }
  if (isHandedOver) return { kind: 'unknown', message };
  // Without a connection, and after a refusal that has no number, such as missing TLS or a message that is too large.
  const isRetryable = !['EAUTH', 'ENOAUTH', 'EMESSAGE', 'EENVELOPE'].includes(code);
  return { kind: 'refused', code: 'mail_provider_unavailable', message, isRetryable };
}
