import { createSocket } from 'node:dgram';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

type RecordType = 'A' | 'AAAA' | 'CNAME';
export type DnsRecord = { name?: string; type: RecordType; value: string };
export type DnsAnswer = { records?: readonly DnsRecord[]; code?: keyof typeof CODES; delayMs?: number };

const TYPES: Readonly<Record<RecordType, number>> = { A: 1, CNAME: 5, AAAA: 28 };
const CODES = { NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 };

/**
 * Starts a name server on loopback, until the calling test is finished.
 *
 * @param answer the answer for a name; undefined sends nothing
 * @param port    0 for a free port
 * @returns the server's address, and the names that clients asked for
 */
export async function serveNames(
  answer: (name: string, type: 'A' | 'AAAA') => DnsAnswer | undefined,
  port = 0,
): Promise<{ address: string; asked: string[] }> {
  const socket = createSocket('udp4');
  const asked: string[] = [];
  const timers = new Set<NodeJS.Timeout>();
  socket.on('message', (query, from) => {
    const { name, type, end } = questionOf(query);
    asked.push(name);
    const said = answer(name, type);
    if (said === undefined) return;
    const packet = answerTo(query.subarray(0, end), name, said);
    timers.add(setTimeout(() => socket.send(packet, from.port, from.address), said.delayMs ?? 0));
  });
  onTestFinished(() => {
    for (const timer of timers) clearTimeout(timer);
    socket.close();
  });
  await new Promise<void>((resolve) => socket.bind(port, '127.0.0.1', resolve));
  return { address: `127.0.0.1:${(socket.address() as AddressInfo).port}`, asked };
}

function questionOf(query: Buffer): { name: string; type: 'A' | 'AAAA'; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const type = query.readUInt16BE(at + 1) === TYPES.A ? 'A' : 'AAAA';
  return { name: labels.join('.').toLowerCase(), type, end: at + 5 };
}

/** Returns the answer to a query. @param question header and question of the query, which the answer repeats */
function answerTo(question: Buffer, asked: string, { records = [], code = 'NOERROR' }: DnsAnswer): Buffer {
  const head = Buffer.from(question);
  // A recursive answer to one question, without authorities or further records.
  head.writeUInt16BE(0x8180 | CODES[code], 2);
  head.writeUInt16BE(records.length, 6);
  head.writeUInt32BE(0, 8);
  return Buffer.concat([head, ...records.map((record) => encoded(record, asked))]);
}

function encoded({ name, type, value }: DnsRecord, asked: string): Buffer {
  const data = type === 'CNAME' ? encodedName(value) : encodedAddress(value, type);
  const fields = Buffer.alloc(10);
  fields.writeUInt16BE(TYPES[type], 0);
  fields.writeUInt16BE(1, 2);
  fields.writeUInt16BE(data.length, 8);
  return Buffer.concat([encodedName(name ?? asked), fields, data]);
}

function encodedName(name: string): Buffer {
  const labels = name
    .split('.')
    .map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([...labels, Buffer.from([0])]);
}

/** Returns the bytes of an address. @param value an IPv4 address, or an IPv6 address with all its groups */
function encodedAddress(value: string, type: 'A' | 'AAAA'): Buffer {
  if (type === 'A') return Buffer.from(value.split('.').map(Number));
  return Buffer.from(
    value
      .split(':')
      .map((group) => group.padStart(4, '0'))
      .join(''),
    'hex',
  );
}
