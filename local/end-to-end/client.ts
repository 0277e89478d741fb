import { randomUUID } from 'node:crypto';
import { type Dispatcher, request as send } from 'undici';
import WebSocket from 'ws';

// biome-ignore lint/suspicious/noExplicitAny: a test reads whatever the answer holds, and fails where it does not
export type Answer = { status: number; body: any };

/** A user of a running Celeriac that calls the API like an external program. */
export type User = {
  access: string;
  email: string;
  ask: (method: string, path: string, body?: unknown) => Promise<Answer>;
  /** Creates a task. @returns its id */
  create: (task: Record<string, unknown>) => Promise<string>;
};

/** Sends a request. @param options.dispatcher the caller's own connections; default: undici's connections */
export async function request(options: {
  url: string;
  method: string;
  path: string;
  body?: unknown;
  access?: string | undefined;
  dispatcher?: Dispatcher | undefined;
}): Promise<Answer> {
  const { url, method, path, body, access, dispatcher } = options;
  const response = await send(url + path, {
    method: method as Dispatcher.HttpMethod,
    headers: {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(access && { authorization: `Bearer ${access}` }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(dispatcher && { dispatcher }),
  });
  const text = await response.body.text();
  return { status: response.statusCode, body: text === '' ? null : JSON.parse(text) };
}

/** Registers a user with an organization. @param dispatcher the user's own connections */
export async function register(url: string, dispatcher?: Dispatcher): Promise<User> {
  const email = `${randomUUID()}@example.com`;
  let access: string | undefined;
  const ask: User['ask'] = (method, path, body) => request({ url, method, path, body, access, dispatcher });
  const { status, body } = await ask('POST', '/api/auth/register/', {
    email,
    password: 'a long enough password',
  });
  if (status !== 201) throw new Error(`registration answered ${status}: ${JSON.stringify(body)}`);
  access = body.access;
  return {
    access: body.access,
    email,
    ask,
    async create(task) {
      const created = await ask('POST', '/api/tasks/', task);
      if (created.status !== 201)
        throw new Error(`creation answered ${created.status}: ${JSON.stringify(created.body)}`);
      return created.body.id;
    },
  };
}

// biome-ignore lint/suspicious/noExplicitAny: as above
export type Frame = any;

/** A WebSocket that stores the received frames. */
export type Watcher = {
  frames: Frame[];
  socket: WebSocket;
  until: (test: (frame: Frame) => boolean) => Promise<Frame>;
};

export async function watch(address: string, protocols: string[] = []): Promise<Watcher> {
  const socket = new WebSocket(address, protocols);
  const frames: Frame[] = [];
  const waiting = new Set<() => void>();
  socket.on('message', (data) => {
    frames.push(JSON.parse(String(data)));
    for (const look of waiting) look();
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  return {
    frames,
    socket,
    until: (test) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = frames.find(test);
          if (!found) return;
          waiting.delete(look);
          clearTimeout(timer);
          resolve(found);
        };
        const timer = setTimeout(
          () => reject(new Error(`no such frame among ${JSON.stringify(frames)}`)),
          15_000,
        );
        waiting.add(look);
        look();
      }),
  };
}

/**
 * Milliseconds from a task's creation to its due time, so that a test can watch it before it starts. The later ones are
 * for slow machines.
 */
const LEADS_MS = [1_500, 5_000, 15_000];

/**
 * Creates tasks that are due soon, and watches them before they start. If this machine is too slow, repeats this with
 * new tasks that are due later.
 *
 * @param user creates the tasks
 * @param tasks tasks to create, without `scheduled_time`
 * @param open begins to watch all tasks
 * @returns the watcher, which has received the status SCHEDULED of each task
 */
export async function watchFromBefore(
  user: Pick<User, 'create'>,
  tasks: readonly Record<string, unknown>[],
  open: (ids: readonly string[]) => Promise<Watcher>,
): Promise<{ ids: string[]; watcher: Watcher }> {
  for (const lead of LEADS_MS) {
    const scheduled_time = new Date(Date.now() + lead).toISOString();
    const ids = await Promise.all(tasks.map((task) => user.create({ ...task, scheduled_time })));
    const watcher = await open(ids);
    const firsts = await Promise.all(ids.map((id) => watcher.until((frame) => frame.id === id)));
    if (firsts.every(({ status, attempt }) => status === 'SCHEDULED' && attempt === 0))
      return { ids, watcher };
    watcher.socket.close();
  }
  throw new Error('no task could be watched before its start');
}
