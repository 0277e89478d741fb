import { connect } from 'node:net';

/** An answer as it was received from the socket. */
export interface RawAnswer {
  readonly status: number;
  /** Header names are in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * Sends bytes unchanged, and reads until the server closes the connection.
 *
 * @param end also closes the sending side, like a client that breaks off
 * @returns every answer in order, including interim ones (100)
 */
export async function sendRaw(
  port: number,
  bytes: string | Buffer,
  { end = false } = {},
): Promise<RawAnswer[]> {
  const chunks: Buffer[] = [];
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => {
      socket.write(bytes);
      if (end) socket.end();
    });
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.once('end', () => {
      socket.destroy();
      resolve();
    });
    // After its answer the server may cut a connection whose data it does not want to read.
    socket.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EPIPE' || error.code === 'ECONNRESET' ? resolve() : reject(error),
    );
  });
  return answersIn(Buffer.concat(chunks));
}

function answersIn(bytes: Buffer): RawAnswer[] {
  const answers: RawAnswer[] = [];
  let rest = bytes;
  while (rest.length > 0) {
    const headEnd = rest.indexOf('\r\n\r\n');
    if (headEnd < 0) throw new Error(`The server sent half an answer: ${rest}`);
    const [line = '', ...lines] = rest.subarray(0, headEnd).toString().split('\r\n');
    const headers = Object.fromEntries(
      lines.map((each) => [
        each.slice(0, each.indexOf(':')).toLowerCase(),
        each.slice(each.indexOf(':') + 2),
      ]),
    );
    rest = rest.subarray(headEnd + 4);
    const status = Number(line.split(' ')[1]);
    const length = status < 200 ? 0 : Number(headers['content-length'] ?? rest.length);
    answers.push({ status, headers, body: rest.subarray(0, length).toString() });
    rest = rest.subarray(length);
  }
  return answers;
}
