type Line = { running: number; readonly waiting: Set<() => void> };

/** Runs `work` when `key` has a free place. @throws the signal's reason when it aborts before */
export type Turns = <T>(key: string, signal: AbortSignal, work: () => Promise<T>) => Promise<T>;

/** Lets at most `most` pieces of work of one key run at once. Further work waits, first come, first served. */
export function turns(most: number): Turns {
  const lines = new Map<string, Line>();
  return async (key, signal, work) => {
    signal.throwIfAborted();
    const line = lines.get(key) ?? { running: 0, waiting: new Set() };
    lines.set(key, line);
    if (line.running < most) line.running += 1;
    else await turnOf(line, signal);
    try {
      return await work();
    } finally {
      // Hands the place to the next waiting work, or frees it.
      const [next] = line.waiting;
      if (next) next();
      else line.running -= 1;
      if (line.running === 0) lines.delete(key);
    }
  };
}

function turnOf({ waiting }: Line, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = () => {
      waiting.delete(begin);
      reject(signal.reason);
    };
    const begin = () => {
      waiting.delete(begin);
      signal.removeEventListener('abort', leave);
      resolve();
    };
    waiting.add(begin);
    signal.addEventListener('abort', leave, { once: true });
  });
}
