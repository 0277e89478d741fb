import { expect, test } from 'vitest';
import { attributesMd5, newMessage, sizeOf } from './message.ts';
import { INITIAL_ATTRIBUTES } from './queue-attributes.ts';

const number = (StringValue: string) => ({ DataType: 'Number', StringValue });

// Digests from AWS. The tests of moto and LocalStack use the same ones.
test.each([
  ['timestamp', number('1493147359900'), '235c5c510d26fb653d073faed50ae77c'],
  ['timestamp', number('1493147359901'), '994258b45346a2cc3f9cbb611aa7af30'],
  ['SOME_Valid.attribute-Name', number('1493147359900'), '36655e7e9d7c0e8479fa3f3f42247ae7'],
])('the digest of the attribute %s is that of AWS', (name, attribute, digest) => {
  expect(attributesMd5({ [name]: attribute })).toBe(digest);
});

test('the digest of attributes does not depend on their order, and tells text from binary', () => {
  const text = { DataType: 'String', StringValue: 'hi' };
  const binary = { DataType: 'Binary', BinaryValue: Buffer.from('hi').toString('base64') };
  expect(attributesMd5({ a: text, b: binary })).toBe(attributesMd5({ b: binary, a: text }));
  expect(attributesMd5({ a: text })).not.toBe(attributesMd5({ a: binary }));
  expect(attributesMd5({})).toBeUndefined();
});

test('the size counts bytes of the body, and of names, types and values of attributes', () => {
  const MessageAttributes = {
    ä: { DataType: 'String', StringValue: '🥬' },
    b: { DataType: 'Binary', BinaryValue: Buffer.alloc(100).toString('base64') },
  };
  expect(sizeOf({ MessageBody: 'é', MessageAttributes })).toBe(2 + (2 + 6 + 4) + (1 + 6 + 100));
});

test('a message may be as long in bytes as its queue allows, and no longer', () => {
  const queue = { ...INITIAL_ATTRIBUTES, MaximumMessageSize: '1024' };
  expect(newMessage({ MessageBody: 'é'.repeat(512) }, queue).body).toHaveLength(512);
  expect(() => newMessage({ MessageBody: `${'é'.repeat(512)}x` }, queue)).toThrow('at most 1024 bytes');
});

test('a message has every character of XML, emoji too, and no other', () => {
  const send = (MessageBody: string) => newMessage({ MessageBody }, INITIAL_ATTRIBUTES).body;
  for (const body of ['🥬', '\t\n\r', '\uE000', '\uFFFD', '\u{10FFFF}']) expect(send(body)).toBe(body);
  for (const body of ['\u0000', '\u001F', '\uFFFE', '\uFFFF', '\uD83E'])
    expect(() => send(body)).toThrow('outside the allowed set');
});

test('a delay is 0 to 900 seconds, and the queue has one for messages that name none', () => {
  const send = (DelaySeconds?: number, queueDelay = '0') => {
    const request = { MessageBody: 'text', ...(DelaySeconds !== undefined && { DelaySeconds }) };
    const { sentAt, delayUntil = sentAt } = newMessage(request, {
      ...INITIAL_ATTRIBUTES,
      DelaySeconds: queueDelay,
    });
    return (delayUntil - sentAt) / 1000;
  };
  expect([send(), send(900), send(undefined, '5'), send(0, '5')]).toEqual([0, 900, 5, 0]);
  for (const delay of [-1, 901, 1.5]) expect(() => send(delay)).toThrow('from 0 to 900');
});
