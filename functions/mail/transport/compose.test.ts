import { randomBytes } from 'node:crypto';
import { simpleParser } from 'mailparser';
import { describe, expect, test } from 'vitest';
import type { Message } from '../message.ts';
import { message } from '../testing/messages.ts';
import { compose, textOf } from './compose.ts';

/** Composes a message, and parses it by a parser that has nothing in common with what composed it. */
async function composed(given: Partial<Message>) {
  const mail = await compose(message(given));
  const text = mail.raw.toString('latin1');
  return {
    ...mail,
    text,
    head: text.slice(0, text.indexOf('\r\n\r\n')),
    parsed: await simpleParser(mail.raw),
  };
}

/** Returns a header as the parser reads a subject: it decodes no other. */
async function decodedHeader({ head }: { head: string }, name: string): Promise<string | undefined> {
  const [own = ''] = new RegExp(`^${name}:.*(?:\\r\\n[ \\t].*)*`, 'm').exec(head) ?? [];
  return (await simpleParser(`Subject${own.slice(name.length)}\r\n\r\n`)).subject;
}

const addressesIn = (field: unknown) =>
  [field ?? []].flat().flatMap((each) => (each as { value: { address?: string; name: string }[] }).value);

describe('what was composed says to a parser what the message said', () => {
  test('addresses with names, a subject, and both bodies', async () => {
    const { parsed, messageId } = await composed({
      from: { address: 'news@example.com', name: 'News' },
      to: [
        { address: 'ada@example.org', name: 'Ada, Countess of "Lovelace"' },
        { address: 'bob@example.org' },
      ],
      cc: [{ address: 'cc@example.org' }],
      replyTo: [{ address: 'reply@example.com', name: 'Reply' }],
      subject: 'A subject',
      text: 'Plain',
      html: '<p>HTML</p>',
    });
    expect(addressesIn(parsed.from)).toEqual([{ address: 'news@example.com', name: 'News' }]);
    expect(addressesIn(parsed.to)).toEqual([
      { address: 'ada@example.org', name: 'Ada, Countess of "Lovelace"' },
      { address: 'bob@example.org', name: '' },
    ]);
    expect(addressesIn(parsed.cc)).toEqual([{ address: 'cc@example.org', name: '' }]);
    expect(addressesIn(parsed.replyTo)).toEqual([{ address: 'reply@example.com', name: 'Reply' }]);
    expect([parsed.subject, parsed.text?.trim(), parsed.html]).toEqual(['A subject', 'Plain', '<p>HTML</p>']);
    expect(parsed.messageId).toBe(messageId);
    expect(messageId).toBe('<0190a5b0-0000-7000-8000-000000000001@example.com>');
    expect(parsed.date).toBeInstanceOf(Date);
  });

  // RFC 2047: words of any language, in all encodings that they need, folded between encoded words.
  test.each([
    ['an umlaut', 'Grüße aus Köln'],
    ['one word of Japanese', 'こんにちは'],
    ['an emoji of several code points', 'Family: 👩‍👩‍👧‍👦, flag: 🏴󠁧󠁢󠁳󠁣󠁴󠁿'],
    ['text from right to left', 'שלום עולם'],
    ['a long text of three-byte characters', '漢'.repeat(250)],
    ['a long text without blanks', 'a'.repeat(900)],
    ['many blanks', 'a  b   c'],
    ['a quote, a backslash and brackets', '"a\\b" <c> (d)'],
  ])('%s in the subject, a name and a header', async (_, text) => {
    const mail = await composed({
      subject: text,
      from: { address: 'news@example.com', name: text.slice(0, 200) },
      headers: { Comments: text },
    });
    const { parsed, text: raw } = mail;
    expect(parsed.subject).toBe(text);
    expect(addressesIn(parsed.from)).toEqual([{ address: 'news@example.com', name: text.slice(0, 200) }]);
    expect(await decodedHeader(mail, 'Comments')).toBe(text);
    // Header lines are ASCII: no server on the way needs to know Unicode.
    expect([...raw].every((character) => character <= '\x7f')).toBe(true);
  });

  test('an address with an international domain, in ASCII', async () => {
    const mail = await composed({
      from: { address: 'news@bücher.example' },
      to: [{ address: 'Ada@例え.テスト', name: 'Ada' }],
    });
    expect([mail.from, mail.recipients]).toEqual([
      'news@xn--bcher-kva.example',
      ['Ada@xn--r8jz45g.xn--zckzah'],
    ]);
    expect(mail.head).toContain('To: Ada <Ada@xn--r8jz45g.xn--zckzah>');
    expect(mail.messageId).toMatch(/@xn--bcher-kva\.example>$/);
  });

  test('every byte of attachments, and images that the HTML shows', async () => {
    const content = randomBytes(100_000);
    const { parsed } = await composed({
      html: '<img src="cid:logo">',
      attachments: [
        {
          name: 'Überblick 漢字 "x".csv',
          mediaType: 'text/csv',
          content: Buffer.from('a;b\n.\n..\nFrom x\n'),
        },
        { name: 'data.bin', mediaType: 'application/octet-stream', content },
        { name: 'logo.png', mediaType: 'image/png', content: Buffer.from('png'), contentId: 'logo' },
      ],
    });
    expect(
      parsed.attachments
        .map(({ filename, contentType, contentDisposition, cid, content: { length } }) => ({
          filename,
          contentType,
          contentDisposition,
          cid,
          length,
        }))
        .toSorted((one, other) => (String(one.filename) < String(other.filename) ? -1 : 1)),
    ).toEqual([
      {
        filename: 'data.bin',
        contentType: 'application/octet-stream',
        contentDisposition: 'attachment',
        cid: undefined,
        length: 100_000,
      },
      {
        filename: 'logo.png',
        contentType: 'image/png',
        contentDisposition: 'inline',
        cid: 'logo',
        length: 3,
      },
      {
        filename: 'Überblick 漢字 "x".csv',
        contentType: 'text/csv',
        contentDisposition: 'attachment',
        cid: undefined,
        length: 16,
      },
    ]);
    const found = parsed.attachments.find(({ filename }) => filename === 'data.bin');
    expect(found?.content.equals(content)).toBe(true);
  });

  test.each([
    ['lines of 5,000 characters', 'a'.repeat(5_000)],
    ['lines of 5,000 characters of three bytes', '漢'.repeat(5_000)],
    ['a dot alone on its line', 'a\n.\nb\n..\n'],
    ['a line that begins with From', 'From here\nand\nFrom there'],
    ['blanks at the ends of lines', 'a  \nb\t\n c'],
    ['what looks like a boundary and a header', '--boundary\nSubject: x\n\n=3D =\n'],
    ['characters beyond the basic plane', '𝒳😀'.repeat(500)],
  ])('%s in both bodies', async (_, text) => {
    const { parsed, text: raw } = await composed({ text, html: `<pre>${text}</pre>` });
    expect(parsed.text?.trimEnd()).toBe(text.trimEnd());
    expect(parsed.html).toBe(`<pre>${text}</pre>`);
    for (const line of raw.split('\r\n')) expect(line.length).toBeLessThanOrEqual(998);
  });
});

describe('a message', () => {
  test('has lines of at most 998 bytes, all ended by CRLF', async () => {
    const { raw } = await compose(
      message({
        subject: 'a'.repeat(900),
        headers: { References: `<${'r'.repeat(890)}@x.y>`.slice(0, 900), Comments: 'b '.repeat(450).trim() },
        to: Array.from({ length: 50 }, (_, at) => ({
          address: `recipient${at}@example.org`,
          name: `Recipient ${at}`,
        })),
        unsubscribeUrl: `https://tasks.example.com/api/unsubscribe/${'t'.repeat(400)}/`,
      }),
    );
    const text = raw.toString('latin1');
    for (const line of text.split('\r\n')) {
      expect(line.length).toBeLessThanOrEqual(998);
      expect(line).not.toMatch(/[\r\n]/);
    }
  });

  test('has its blind copies in the envelope, and in no header', async () => {
    const { recipients, text } = await composed({ bcc: [{ address: 'secret@example.org', name: 'Secret' }] });
    expect(recipients).toEqual(['ada@example.org', 'secret@example.org']);
    expect(text).not.toMatch(/secret/i);
    expect(text).not.toMatch(/^bcc:/im);
  });

  test('goes once to an address that it names twice', async () => {
    const { recipients } = await composed({ cc: [{ address: 'ada@EXAMPLE.org' }] });
    expect(recipients).toEqual(['ada@example.org']);
  });

  test('has the text of its HTML when it has no text', async () => {
    const { parsed } = await composed({
      text: undefined,
      html: '<style>p{}</style><h1>Title</h1><p>Hello <b>Ada</b>, <a href="https://example.com/">look</a></p><ul><li>one</li></ul><script>alert(1)</script><img src="x" alt="y">',
    });
    expect(parsed.text).toBe('TITLE\n\nHello Ada, look [https://example.com/]\n\n * one');
  });

  test('has headers for unsubscribing with one click if it has an address for that', async () => {
    const url = `https://tasks.example.com/api/unsubscribe/${'t'.repeat(400)}/`;
    const { parsed, head } = await composed({ unsubscribeUrl: url });
    expect(head.replaceAll('\r\n ', ' ')).toContain(`List-Unsubscribe: <${url}>\r\n`);
    expect(head).toContain('\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click');
    expect(parsed.headers.get('list')).toMatchObject({
      unsubscribe: { url },
      'unsubscribe-post': expect.anything(),
    });
    expect((await composed({})).head).not.toContain('List-Unsubscribe');
  });

  test('reads no file and no URL, whatever its parts say', async () => {
    const mail = await composed({
      text: '/etc/passwd',
      html: '<img src="file:///etc/passwd"><img src="https://example.com/x.png">',
    });
    expect(mail.parsed.attachments).toEqual([]);
    expect(mail.parsed.text?.trim()).toBe('/etc/passwd');
  });

  // The schema of the kind refuses such texts. This is the second line of defence.
  test.each([
    '\r\nBcc: eve@example.com',
    '\nBcc: eve@example.com',
    '\rBcc: eve@example.com',
    '\u2028Bcc: x',
    '\0',
  ])('gets no further header by %j in its texts', async (end) => {
    const { parsed } = await composed({
      subject: `s${end}`,
      from: { address: 'news@example.com', name: `n${end}` },
      to: [{ address: 'ada@example.org', name: `t${end}` }],
      headers: { Comments: `h${end}` },
      attachments: [
        { name: `f${end}`, mediaType: 'text/csv', content: Buffer.from('x'), contentId: undefined },
      ],
    });
    expect(parsed.bcc).toBeUndefined();
    expect(parsed.headerLines.filter(({ key }) => key === 'bcc')).toEqual([]);
  });
});

describe('the text of HTML', () => {
  test('that is nested very deep is cut, and does not end the process', () => {
    const deep = '<div>'.repeat(50_000);
    expect(textOf(`<p>Hello</p>${deep}deep`)).toContain('Hello');
  });

  test('that is broken is what can be read', () => {
    expect(textOf('<p>a<b>b</p></i><td>c')).toContain('ab');
    expect(textOf('')).toBe('');
  });
});
