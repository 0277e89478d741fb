import { AttemptAborted } from '../attempt-aborted.ts';

/** An attempt that this worker runs now: its fence, and the means to interrupt it. */
export type Running = {
  id: string;
  attempt: number;
  interrupt: AbortController;
};

type Renew = (
  running: { id: string; attempt: number }[],
) => Promise<{ id: string; attempt: number; cancelRequested: boolean }[]>;

/**
 * Renews the leases of running attempts while there are any, with one statement a beat. The statement also returns requested
 * cancels. An attempt that is absent from its result was settled, or has lost the lease.
 *
 * @param renew       rejects when the database is unreachable; the next beat tries again
 * @param beatSeconds also the longest time until a handler notices a cancel
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
        // An attempt without a renewal was settled in the meantime, or taken over. Only an attempt that was taken over still runs
        // here.
        else if (!mine && running.has(id))
          interrupt.abort(new AttemptAborted('lease_lost', 'Another worker has taken over'));
      }
    } catch {
      // The lease outlasts several beats. The settlement shows whether the lease was lost.
    } finally {
      busy = false;
    }
  }, beatSeconds * 1000);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
