import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** An address whose target can change, like a cluster's DNS name. Open connections keep their old target. */
export interface Proxy {
  readonly port: number;
  /** Leads new connections to another port of this machine. */
  leadTo(port: number): void;
  stop(): Promise<void>;
}

export async function startProxy(target: number): Promise<Proxy> {
  let port = target;
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        open.delete(socket);
        other.destroySoon();
      });
      socket.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    leadTo: (next) => {
      port = next;
    },
    stop: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
