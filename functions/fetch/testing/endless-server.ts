import { type AddressInfo, createServer, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { onTestFinished } from 'vitest';

/** Starts a server that sends any bytes. Returns its origin, and the number of bytes that its clients have taken. */
export async function speaking(
  speak: (socket: Socket, origin: string) => void,
): Promise<{ origin: string; sent: () => number }> {
  let closed = 0;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => {
      sockets.delete(socket);
      closed += socket.bytesWritten;
    });
    socket.once('data', () => speak(socket, origin));
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { origin, sent: () => closed + [...sockets].reduce((sum, socket) => sum + socket.bytesWritten, 0) };
}

/** Sends a beginning, and then repeats one piece until the client leaves. */
export function forEver(beginning: string, again: string) {
  const piece = Buffer.from(again.repeat(Math.ceil(16_384 / again.length)), 'latin1');
  return (socket: Socket) => {
    const more = () => {
      while (!socket.destroyed && socket.write(piece));
    };
    socket.on('drain', more);
    socket.write(beginning, 'latin1');
    more();
  };
}

/** Parts of an answer without an end: the beginning, and the piece that is repeated. */
export const ENDLESS = {
  'a status line': ['HTTP/1.1 200 ', 'x'],
  'a header': ['HTTP/1.1 200 OK\r\nx-long: ', 'x'],
  headers: ['HTTP/1.1 200 OK\r\n', 'x-a: b\r\n'],
  'informational answers': ['', 'HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\n'],
  'the extension of a chunk': ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;', 'x'],
  'chunks with extensions': [
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n',
    `1;${'x'.repeat(8_000)}\r\nx\r\n`,
  ],
  'leading zeros of a chunk size': ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n', '0'],
  trailers: ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n', 'x-a: b\r\n'],
  'a trailer': ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nx-long: ', 'x'],
  'empty lines before an answer': ['', '\r\n'],
  'blocks of gzip that are empty': [
    'HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n',
    gzipSync('').toString('latin1'),
  ],
} as const;
