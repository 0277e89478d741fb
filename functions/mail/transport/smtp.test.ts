import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { simpleParser } from 'mailparser';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { afterEach, describe, expect, test } from 'vitest';
import { message } from '../testing/messages.ts';
import { compose } from './compose.ts';
import { smtpTransport } from './smtp.ts';

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** Starts a server of SMTP. @returns its port */
async function smtpServer(options: SMTPServerOptions, host = '127.0.0.1'): Promise<number> {
  const server = new SMTPServer({ disabledCommands: ['AUTH', 'STARTTLS'], ...options });
  server.on('error', () => {});
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  stops.push(() => new Promise<void>((resolve) => server.close(() => resolve())));
  return (server.server.address() as AddressInfo).port;
}

/** Starts a server that answers lines as the script says, by their first word. The script may also end the connection. */
async function scriptedServer(script: (word: string, socket: Socket) => string | undefined): Promise<number> {
  const server = createServer((socket) => {
    let isData = false;
    let rest = '';
    socket.on('error', () => {});
    socket.write('220 ready\r\n');
    socket.on('data', (chunk) => {
      rest += chunk.toString('latin1');
      for (let end = rest.indexOf('\r\n'); end >= 0; end = rest.indexOf('\r\n')) {
        const line = rest.slice(0, end);
        rest = rest.slice(end + 2);
        if (isData && line !== '.') continue;
        const word = isData ? '.' : (line.split(/[ :]/)[0] ?? '').toUpperCase();
        isData = false;
        const answer = script(word, socket);
        if (answer === undefined) continue;
        isData = word === 'DATA' && answer.startsWith('354');
        socket.write(`${answer}\r\n`);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stops.push(() => new Promise((resolve) => server.close(resolve)));
  return (server.address() as AddressInfo).port;
}

const ANSWERS: Record<string, string> = { DATA: '354 go on', QUIT: '221 bye' };
const usual = (word: string) => ANSWERS[word] ?? '250 fine';

const ORIGIN = { organizationId: 'o', taskId: 't' };
const mail = (given = {}) => compose(message(given));
const sendTo = async (port: number, given = {}) =>
  smtpTransport(`smtp://127.0.0.1:${port}`)(await mail(given), ORIGIN);

describe('a real server of SMTP', () => {
  test('gets the envelope and every byte of the mail', async () => {
    const received: { from: string; to: string[]; raw: Buffer }[] = [];
    const port = await smtpServer({
      onData(stream, { envelope }, done) {
        void buffer(stream).then((raw) => {
          received.push({
            from: envelope.mailFrom ? envelope.mailFrom.address : '',
            to: envelope.rcptTo.map(({ address }) => address),
            raw,
          });
          done();
        });
      },
    });
    const sent = await mail({
      subject: 'Grüße 漢字',
      text: 'a\n.\n..b\n',
      bcc: [{ address: 'secret@example.org' }],
      to: [{ address: 'ada@bücher.example' }],
    });
    const answer = await smtpTransport(`smtp://127.0.0.1:${port}`)(sent, ORIGIN);
    expect(answer).toEqual({ kind: 'sent', messageId: sent.messageId, refused: [] });
    const [only] = received;
    expect([only?.from, only?.to]).toEqual([
      'news@example.com',
      ['ada@bücher.example', 'secret@example.org'],
    ]);
    expect(only?.raw.toString('latin1').trimEnd()).toBe(sent.raw.toString('latin1').trimEnd());
    const parsed = await simpleParser(only?.raw ?? '');
    expect([parsed.subject, parsed.text]).toEqual(['Grüße 漢字', 'a\n.\n..b\n']);
  });

  test('that refuses one recipient delivers to the others', async () => {
    const port = await smtpServer({
      onRcptTo: ({ address }, _session, done) =>
        done(address.startsWith('gone') ? new Error('no such user') : null),
      onData: (stream, _session, done) => void stream.resume().once('end', () => done()),
    });
    const answer = await sendTo(port, { cc: [{ address: 'gone@example.org' }] });
    expect(answer).toMatchObject({
      kind: 'sent',
      refused: [{ address: 'gone@example.org', reason: expect.stringContaining('no such user') }],
    });
  });

  test('gets a login only over TLS, unless it is on this machine', async () => {
    const logins: string[] = [];
    const withoutTls: SMTPServerOptions = {
      disabledCommands: ['STARTTLS'],
      allowInsecureAuth: true,
      onAuth({ username = '', password = '' }, _session, done) {
        logins.push(`${username}:${password}`);
        done(null, { user: username });
      },
      onData: (stream, _session, done) => void stream.resume().once('end', () => done()),
    };
    const sendWithLogin = async (host: string) => {
      const port = await smtpServer(withoutTls, host);
      return smtpTransport(`smtp://us%40er:p%C3%A4ss@${host}:${port}`)(await mail(), ORIGIN);
    };
    expect(await sendWithLogin('127.0.0.1')).toMatchObject({ kind: 'sent' });
    expect(logins).toEqual(['us@er:päss']);
    // An address of this machine that counts as another machine.
    expect(await sendWithLogin('127.0.0.2')).toMatchObject({ kind: 'refused', code: 'mail_refused' });
    expect(logins).toHaveLength(1);
  });
});

describe('a mail was not sent, and may be sent again, when', () => {
  test('nobody listens', async () => {
    const port = await scriptedServer(usual);
    for (const stop of stops.splice(0)) await stop();
    expect(await sendTo(port)).toMatchObject({
      kind: 'refused',
      code: 'mail_provider_unavailable',
      isRetryable: true,
    });
  });

  for (const word of ['EHLO', 'MAIL', 'RCPT', 'DATA', '.']) {
    test(`the server answers ${word} with 450`, async () => {
      const port = await scriptedServer((given) =>
        given === word ? '450 not now' : given === 'HELO' && word === 'EHLO' ? '450 no' : usual(given),
      );
      expect(await sendTo(port)).toMatchObject({ kind: 'refused', isRetryable: true });
    });
  }

  for (const word of ['EHLO', 'MAIL', 'RCPT', 'DATA']) {
    test(`the connection is lost at ${word}`, async () => {
      const port = await scriptedServer((given, socket) =>
        given === word ? void socket.destroy() : usual(given),
      );
      expect(await sendTo(port)).toMatchObject({ kind: 'refused', isRetryable: true });
    });
  }

  test('the connection is lost in the middle of the content', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.write('220 ready\r\n');
      let bytes = 0;
      socket.on('data', (chunk) => {
        const text = chunk.toString('latin1');
        bytes += text.length;
        if (bytes > 200_000) return socket.destroy();
        for (const line of text.split('\r\n')) {
          if (/^(EHLO|MAIL|RCPT)/.test(line)) socket.write('250 fine\r\n');
          if (line === 'DATA') socket.write('354 go on\r\n');
        }
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    stops.push(() => new Promise((resolve) => server.close(resolve)));
    const { port } = server.address() as AddressInfo;
    const attachments = [
      {
        name: 'big',
        mediaType: 'application/octet-stream',
        content: Buffer.alloc(7_000_000, 'x'),
        contentId: undefined,
      },
    ];
    expect(await sendTo(port, { attachments })).toMatchObject({ kind: 'refused', isRetryable: true });
  });
});

describe('a mail was not sent, and never will be, when', () => {
  for (const word of ['MAIL', 'RCPT', 'DATA', '.']) {
    test(`the server answers ${word} with 550`, async () => {
      const port = await scriptedServer((given) => (given === word ? '550 never' : usual(given)));
      expect(await sendTo(port)).toMatchObject({ kind: 'refused', code: 'mail_refused', isRetryable: false });
    });
  }
});

describe('nobody knows if a mail was sent when', () => {
  test('the connection is lost after the whole content, without an answer', async () => {
    const port = await scriptedServer((given, socket) =>
      given === '.' ? void socket.destroy() : usual(given),
    );
    expect(await sendTo(port)).toMatchObject({ kind: 'unknown' });
  });
});
