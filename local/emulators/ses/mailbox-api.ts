import type { IncomingMessage } from 'node:http';
import { type HttpAnswer, problemAnswer, withHeaders } from '../http/http-answer.ts';
import { splitOnce } from '../http/http-text.ts';
import type { KeptMail, Mailbox } from './mailbox.ts';

/** Path of the mailbox, and of what is in it. */
export const MAILBOX_PATHS = /^\/api\/mailbox(?:\/|$)/;

/** Mails on a page. */
const PAGE = { default: 50, most: 100 };

/** Returns the organizations of the user with this `Authorization`, or the answer that refuses the user. */
export type OrganizationsOf = (
  authorization: string | undefined,
) => Promise<ReadonlySet<string> | HttpAnswer>;

/**
 * Serves the mails that were sent on this machine, each to the members of the organization that has sent it. A page of another
 * origin cannot read them, and no mail is shown by this origin: HTML is a text in JSON, and the mail itself is a download.
 */
export function mailboxApi(mailbox: Mailbox, organizationsOf: OrganizationsOf) {
  return async (request: IncomingMessage): Promise<HttpAnswer> => {
    request.resume();
    const [path = '', query = ''] = splitOnce(request.url ?? '/', '?');
    const readable = await organizationsOf(request.headers.authorization);
    if ('status' in readable) return readable;
    const visible = mailbox.list().filter(({ tags }) => readable.has(tags.organization ?? ''));
    const [id, part, ...more] = path
      .replace(MAILBOX_PATHS, '')
      .split('/')
      .filter((each) => each !== '');
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    if (id === undefined) {
      if (method === 'GET') return page(visible, new URLSearchParams(query), mailbox);
      if (method !== 'DELETE') return notAllowed('GET, HEAD, DELETE');
      await mailbox.remove(visible.map((mail) => mail.id));
      return { status: 204, headers: {}, body: '' };
    }
    const mail = visible.find((each) => each.id === id);
    const raw = mail && (await mailbox.raw(mail.id));
    if (!mail || !raw || more.length > 0 || (part !== undefined && part !== 'raw')) {
      return problemAnswer(404, 'not_found', 'There is no such mail');
    }
    if (method !== 'GET') return notAllowed('GET, HEAD');
    return part === 'raw' ? download(mail, raw) : json({ ...view(mail), ...(await contentOf(raw)) });
  };
}

async function page(
  mails: readonly KeptMail[],
  query: URLSearchParams,
  mailbox: Mailbox,
): Promise<HttpAnswer> {
  const limit = Number(query.get('limit') ?? PAGE.default);
  if (!Number.isInteger(limit) || limit < 1 || limit > PAGE.most) {
    return problemAnswer(400, 'invalid_request', `limit: Must be 1 to ${PAGE.most}`);
  }
  const before = query.get('cursor');
  const older = before === null ? mails : mails.filter(({ id }) => id < before);
  const shown = older.slice(0, limit);
  const results = await Promise.all(
    shown.map(async (mail) => {
      const { subject, to } = await contentOf((await mailbox.raw(mail.id)) ?? Buffer.alloc(0));
      return { ...view(mail), to, subject };
    }),
  );
  return json({ results, next_cursor: older.length > limit ? shown.at(-1)?.id : null });
}

function view({ id, at, from, recipients, tags, messageId, bytes }: KeptMail) {
  return {
    id,
    at,
    message_id: messageId,
    from,
    recipients,
    organization: tags.organization ?? null,
    task: tags.task ?? null,
    bytes,
  };
}

/** Reads a mail by a parser that has nothing in common with what composed it. */
async function contentOf(raw: Buffer) {
  const { simpleParser } = await import('mailparser');
  const mail = await simpleParser(raw, { skipHtmlToText: true, skipTextToHtml: true, skipImageLinks: true });
  return {
    subject: mail.subject ?? '',
    to: [mail.to ?? []].flat().map(({ text }) => text),
    headers: mail.headerLines.map(({ line }) => line),
    text: mail.text ?? null,
    html: mail.html || null,
    attachments: mail.attachments.map(({ filename, contentType, size }) => ({
      name: filename ?? null,
      media_type: contentType,
      bytes: size,
    })),
  };
}

/**
 * Asks the API for the organizations of a user.
 *
 * @param origin URL of the API, without a slash at its end
 */
export const organizationsByApi =
  (origin: string): OrganizationsOf =>
  async (authorization) => {
    const response = await fetch(`${origin}/api/auth/me/`, {
      headers: authorization === undefined ? {} : { authorization },
    });
    const body = await response.text();
    if (response.ok) {
      const { organizations }: { organizations: { id: string }[] } = JSON.parse(body);
      return new Set(organizations.map(({ id }) => id));
    }
    const { headers } = response;
    const challenge = headers.get('www-authenticate');
    return {
      status: response.status,
      headers: {
        ...HEADERS,
        'content-type': headers.get('content-type') ?? 'application/problem+json',
        ...(challenge !== null && { 'www-authenticate': challenge }),
      },
      body,
    };
  };

const HEADERS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };

const json = (body: unknown): HttpAnswer => ({
  status: 200,
  headers: { ...HEADERS, 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

const download = ({ id }: KeptMail, raw: Buffer): HttpAnswer => ({
  status: 200,
  headers: {
    ...HEADERS,
    'content-type': 'message/rfc822',
    'content-disposition': `attachment; filename="${id}.eml"`,
    'content-security-policy': 'sandbox',
  },
  body: raw,
});

const notAllowed = (allow: string) =>
  withHeaders(problemAnswer(405, 'method_not_allowed', `This path has no such method, only ${allow}`), {
    allow,
  });
