// @ts-check

/**
 * @typedef {import('./types.js').Frame} Frame
 * @typedef {(frame: Frame) => void} OnFrame
 * @typedef {'off' | 'connecting' | 'live'} Connection
 * @typedef {ReturnType<typeof createLiveUpdates>} LiveUpdates
 */

/** Pauses before connecting again, in milliseconds: doubled up to the cap, then shortened at random by up to half. */
const BACKOFF = { first: 500, cap: 30_000 };

/** API Gateway closes what is idle for ten minutes. */
const PING_MS = 240_000;
/** A ping without any frame after it means that the connection is dead. */
const PONG_MS = 10_000;

/** How long the connection outlives the last watcher: the next page usually watches something too. */
const LINGER_MS = 30_000;

/** The most tasks that one connection may watch; the server says 100. */
export const MAX_WATCHED = 100;

/**
 * Changes of tasks as they happen, over one WebSocket that is open while anything is watched.
 *
 * Every (re)subscription begins with the task as it is, so nothing is missed; a frame that is older than one already
 * delivered is dropped, as no order is promised.
 *
 * @param {{ ticket: () => Promise<string>, url: URL, onState: (state: Connection) => void }} options
 *   `ticket` fetches a login for one connect; `url` is where to connect, without the ticket
 */
export function createLiveUpdates({ ticket, url, onState }) {
  /** @type {Map<string, { seq: number, listeners: Set<OnFrame> }>} */
  const watched = new Map();
  /** @type {WebSocket | null} */
  let socket = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let failures = 0;
  /** Grows with every start and stop, so that a slow ticket does not open a connection nobody wants any more. */
  let generation = 0;
  let started = false;

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let lingering;

  const report = () => {
    if (watched.size === 0) onState('off');
    else onState(socket?.readyState === WebSocket.OPEN ? 'live' : 'connecting');
  };

  const start = () => {
    clearTimeout(lingering);
    report();
    if (started) return;
    started = true;
    void open();
  };

  const open = async () => {
    const mine = ++generation;
    clearTimeout(timer);
    report();
    try {
      const login = await ticket();
      if (mine === generation) listen(new WebSocket(withTicket(url, login)), mine);
    } catch {
      if (mine === generation) openLater();
    }
  };

  const openLater = () => {
    report();
    const pause = Math.min(BACKOFF.cap, BACKOFF.first * 2 ** failures++);
    timer = setTimeout(open, pause * (1 - Math.random() / 2));
  };

  /** @param {WebSocket} fresh @param {number} mine */
  const listen = (fresh, mine) => {
    socket = fresh;
    fresh.onopen = () => {
      failures = 0;
      report();
      for (const task of watched.keys()) say({ action: 'subscribe', task });
      keepAlive(mine);
    };
    fresh.onmessage = ({ data }) => {
      keepAlive(mine);
      deliver(JSON.parse(data));
    };
    fresh.onclose = () => {
      if (mine !== generation) return;
      socket = null;
      clearTimeout(timer);
      openLater();
    };
  };

  /** @param {number} mine */
  const keepAlive = (mine) => {
    if (mine !== generation) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      say({ action: 'ping' });
      timer = setTimeout(() => socket?.close(), PONG_MS);
    }, PING_MS);
  };

  /** @param {Frame} frame */
  const deliver = (frame) => {
    const entry = watched.get(frame.id);
    if (!entry || frame.seq <= entry.seq) return;
    entry.seq = frame.seq;
    for (const listener of [...entry.listeners]) listener(frame);
  };

  /** @param {{ action: string, task?: string }} message */
  const say = (message) => {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  };

  const stop = () => {
    started = false;
    generation++;
    failures = 0;
    clearTimeout(timer);
    clearTimeout(lingering);
    socket?.close();
    socket = null;
    onState('off');
  };

  // A laptop that wakes up need not wait out the pause.
  addEventListener('online', () => {
    if (started && !socket) void open();
  });

  return {
    /**
     * Calls back with every change of a task that is newer than `seq`.
     *
     * @param {{ id: string, seq: number }} task as the caller knows it
     * @param {OnFrame} listener
     * @returns {() => void} ends it
     */
    watch({ id, seq }, listener) {
      const entry = watched.get(id) ?? { seq, listeners: new Set() };
      entry.listeners.add(listener);
      if (!watched.has(id)) {
        watched.set(id, entry);
        say({ action: 'subscribe', task: id });
        start();
      }
      return () => {
        entry.listeners.delete(listener);
        if (entry.listeners.size > 0 || watched.get(id) !== entry) return;
        watched.delete(id);
        say({ action: 'unsubscribe', task: id });
        if (watched.size > 0) return;
        report();
        clearTimeout(lingering);
        lingering = setTimeout(stop, LINGER_MS);
      };
    },

    /** Forgets everything and hangs up: the login has ended. */
    stop() {
      watched.clear();
      stop();
    },
  };
}

/** @param {URL} url @param {string} ticket */
function withTicket(url, ticket) {
  const full = new URL(url);
  full.searchParams.set('ticket', ticket);
  return full;
}
