import { AttemptAborted } from '../attempt-aborted.ts';

/** What this worker runs right now: the fence of each attempt, and how to interrupt it. */
export type Running = {
  id: string;
  attempt: number;
  interrupt: AbortController;
};

type Renew = (
  running: { id: string; attempt: number }[],
) => Promise<{ id: string; attempt: number; cancelRequested: boolean }[]>;

/**
 * Renews the leases of running attempts while there are any, in one statement a beat, and learns by the same statement
 * who asked to cancel and who has lost the lease.
 *
 * @param renew       rejections are the database's absence: the next beat tries again
 * @param beatSeconds also the longest time until a handler hears of a cancel
 */
export function heartbeat(
  running: ReadonlyMap<string, Running>,
  renew: Renew,
  beatSeconds: number,
): { stop: () => void } {
  let busy = false;
  const timer = setInterval(async () => {
    if (busy || running.size === 0) return;
    busy = true;
    const beating = [...running.values()];
    try {
      const renewed = new Map(
        (await renew(beating.map(({ id, attempt }) => ({ id, attempt })))).map((r) => [r.id, r]),
      );
      for (const { id, interrupt } of beating) {
        const mine = renewed.get(id);
        if (mine?.cancelRequested)
          interrupt.abort(new AttemptAborted('cancelled', 'Task was cancelled while it ran'));
        // Settled in the meantime, or taken over: only the latter still has someone to interrupt.
        else if (!mine && running.has(id))
          interrupt.abort(new AttemptAborted('lease_lost', 'Another worker has taken over'));
      }
    } catch {
      // The lease outlasts several beats; settling tells whether it was lost.
    } finally {
      busy = false;
    }
  }, beatSeconds * 1000);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
