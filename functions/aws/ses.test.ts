import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ComposedMail } from '../mail/message.ts';
import { sesMailer } from './ses.ts';

type Handle = (request: IncomingMessage, response: ServerResponse, body: string) => void;

const MAIL: ComposedMail = {
  from: 'news@example.com',
  recipients: ['ada@example.org', 'bob@example.org'],
  raw: Buffer.from('Subject: Hello\r\n\r\nHello'),
  messageId: '<one@example.com>',
};
const ORIGIN = {
  organizationId: '0190a5b0-0000-7000-8000-000000000002',
  taskId: '0190a5b0-0000-7000-8000-000000000001',
};

let handle: Handle;
let requests: { method?: string | undefined; path?: string | undefined; body: string }[] = [];
const server = createServer((request, response) => {
  void text(request).then((body) => {
    requests.push({ method: request.method, path: request.url, body });
    handle(request, response, body);
  });
});
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  vi.stubEnv('AWS_REGION', 'us-east-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'id');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
  vi.stubEnv('AWS_ENDPOINT_URL', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
beforeEach(() => {
  requests = [];
});
afterAll(() => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  server.close();
});

const answering =
  (status: number, body: unknown = {}, headers: Record<string, string> = {}): Handle =>
  (_request, response) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
const refusing = (status: number, type: string): Handle =>
  answering(status, { message: 'says SES' }, { 'x-amzn-errortype': type });

const failures: unknown[] = [];
const mailer = () =>
  sesMailer({ configurationSet: 'celeriac-dev', onFailure: (error) => failures.push(error) });

test('a mail goes to SES in MIME, with its envelope, the configuration set, and the task that sent it', async () => {
  handle = answering(200, { MessageId: '0102-abc' });
  expect(await mailer().send(MAIL, ORIGIN)).toEqual({ kind: 'sent', messageId: '0102-abc', refused: [] });
  const [request, ...more] = requests;
  expect(more).toEqual([]);
  expect([request?.method, request?.path]).toEqual(['POST', '/v2/email/outbound-emails']);
  expect(JSON.parse(request?.body ?? '')).toEqual({
    FromEmailAddress: 'news@example.com',
    Destination: { ToAddresses: ['ada@example.org', 'bob@example.org'] },
    Content: { Raw: { Data: MAIL.raw.toString('base64') } },
    ConfigurationSetName: 'celeriac-dev',
    EmailTags: [
      { Name: 'organization', Value: ORIGIN.organizationId },
      { Name: 'task', Value: ORIGIN.taskId },
    ],
  });
});

describe('each mail is one request, whatever SES answers:', () => {
  test.each([
    [400, 'MessageRejected', 'refused', false],
    [400, 'MailFromDomainNotVerifiedException', 'refused', false],
    [400, 'BadRequestException', 'refused', false],
    [403, 'AccessDeniedException', 'refused', false],
    [404, 'NotFoundException', 'refused', false],
    [413, 'RequestTooLarge', 'refused', false],
    [429, 'TooManyRequestsException', 'refused', true],
    [503, 'ServiceUnavailable', 'refused', true],
    [500, 'InternalFailure', 'unknown', undefined],
    [502, 'BadGateway', 'unknown', undefined],
    [504, 'GatewayTimeout', 'unknown', undefined],
  ] as const)('%i %s is %s', async (status, type, kind, isRetryable) => {
    handle = refusing(status, type);
    const answer = await mailer().send(MAIL, ORIGIN);
    expect(answer).toMatchObject({
      kind,
      message: expect.stringContaining('says SES'),
      ...(isRetryable !== undefined && { isRetryable }),
    });
    expect(requests).toHaveLength(1);
  });

  test('a connection that is lost after the request is unknown', async () => {
    handle = (request) => request.socket.destroy();
    expect(await mailer().send(MAIL, ORIGIN)).toMatchObject({ kind: 'unknown' });
    expect(requests).toHaveLength(1);
  });

  test('half an answer is unknown', async () => {
    handle = (request, response) => {
      response
        .writeHead(200, { 'content-type': 'application/json', 'content-length': '100' })
        .write('{"Mess');
      setTimeout(() => request.socket.destroy(), 50);
    };
    expect(await mailer().send(MAIL, ORIGIN)).toMatchObject({ kind: 'unknown' });
    expect(requests).toHaveLength(1);
  });
});

test('a mail is not sent, and may be sent again, when nobody listens', async () => {
  vi.stubEnv('AWS_ENDPOINT_URL', 'http://127.0.0.1:1');
  expect(await mailer().send(MAIL, ORIGIN)).toMatchObject({
    kind: 'refused',
    code: 'mail_provider_unavailable',
    isRetryable: true,
  });
  vi.stubEnv('AWS_ENDPOINT_URL', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

test('no connection is kept: SES may close it unseen', async () => {
  const sockets = new Set<unknown>();
  handle = (request, response, body) => {
    sockets.add(request.socket);
    answering(200, { MessageId: 'm' })(request, response, body);
  };
  const { send } = mailer();
  await send(MAIL, ORIGIN);
  await send(MAIL, ORIGIN);
  expect(sockets.size).toBe(2);
});

describe('the rate', () => {
  test('is that of the account, and is asked for once in a while', async () => {
    handle = answering(200, { SendQuota: { MaxSendRate: 14, Max24HourSend: 50_000, SentLast24Hours: 1 } });
    const { recipientsPerSecond } = mailer();
    expect([await recipientsPerSecond(), await recipientsPerSecond()]).toEqual([14, 14]);
    expect(requests.map(({ method, path }) => `${method} ${path}`)).toEqual(['GET /v2/email/account']);
  });

  test('is one per second while SES does not tell', async () => {
    handle = refusing(403, 'AccessDeniedException');
    expect(await mailer().recipientsPerSecond()).toBe(1);
    expect(failures).toHaveLength(1);
  });
});
