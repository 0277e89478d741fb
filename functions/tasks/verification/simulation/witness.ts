import { type OnFailure, type Task, type TaskStatus, TERMINAL } from '../../task.ts';
import type { Entry, Row } from '../model/row.ts';

type Move = { move: string; at: number; seq: number; attempt: number; status: TaskStatus; runAt: number };
type Start = { attempt: number; at: number };

/** Everything that is known of one task: from its rows, from its handler and from its client. */
type History = {
  moves: Move[];
  starts: Start[];
  cancels: Task[];
} & Asked;

/** A client's request. */
type Asked = {
  /** Milliseconds. */
  notBefore: number;
  /** The tasks that it depends on. */
  after: readonly string[];
  onFailure: OnFailure;
};

const terminal = (status: TaskStatus): boolean => (TERMINAL as readonly string[]).includes(status);

/** Watches tasks, and reports what must not happen. */
export class Witness {
  readonly #histories = new Map<string, History>();
  readonly #now: () => number;
  readonly faults: string[] = [];
  /** How often each thing happened. */
  readonly counts = new Map<string, number>();

  constructor(now: () => number) {
    this.#now = now;
  }

  #of(id: string): History {
    let history = this.#histories.get(id);
    if (!history) {
      history = { moves: [], starts: [], cancels: [], notBefore: 0, after: [], onFailure: 'cancel' };
      this.#histories.set(id, history);
    }
    return history;
  }

  /** Records a client's request, before anything is written. */
  asked(id: string, asked: Asked): void {
    Object.assign(this.#of(id), asked);
  }

  /** Records the answer to a cancel. */
  cancelled(task: Task): void {
    this.#of(task.id).cancels.push(task);
  }

  moved(move: string, before: Row | undefined, after: Row): void {
    const { seq, attempt, status, id } = after;
    const runAt = after.runAt.getTime();
    this.#count(`${move} → ${status}`);
    this.#of(id).moves.push({ move, at: this.#now(), seq, attempt, status, runAt });
    // A retry starts at once, but still after its dependencies. A rescheduled task starts at the new time.
    if (move === 'requeue') this.#of(id).notBefore = 0;
    if (move === 'reschedule') this.#of(id).notBefore = after.scheduledTime.getTime();
    if (before && terminal(before.status) && move !== 'requeue') this.#fault(id, `${move} after the end`);
  }

  started(id: string, attempt: number): void {
    const history = this.#of(id);
    const at = this.#now();
    const last = history.starts.at(-1);
    if (last && last.attempt >= attempt) this.#fault(id, `attempt ${attempt} started after ${last.attempt}`);
    history.starts.push({ attempt, at });
    this.#count('start');
    const claim = history.moves.find((move) => move.move === 'claim' && move.attempt === attempt);
    if (!claim) this.#fault(id, `attempt ${attempt} started without a claim`);
    else if (at < claim.runAt || at < history.notBefore)
      this.#fault(id, `attempt ${attempt} started before its time`);
    const isEnough = ({ move, status }: Move) =>
      history.onFailure === 'run' ? terminal(status) : move === 'complete';
    for (const other of history.after) {
      if (!this.#of(other).moves.some(isEnough))
        this.#fault(id, `attempt ${attempt} started before the end of ${other}`);
    }
    for (const cancel of history.cancels) {
      const isRequeued = history.moves.some((move) => move.move === 'requeue' && move.seq > cancel.seq);
      const askedBefore = cancel.status === 'RUNNING' && attempt <= cancel.attempt;
      if (!isRequeued && !askedBefore)
        this.#fault(id, `attempt ${attempt} started after a cancel was acknowledged`);
    }
  }

  /** Checks a task when everything has come to rest. */
  ended(row: Row, ledger: readonly Entry[]): void {
    const { id, attempt, status, result } = row;
    if (!terminal(status)) this.#fault(id, `is ${status} for good`);
    if (ledger.some((ended, index) => ended.attempt !== index + 1) || ledger.length !== attempt)
      this.#fault(id, `${attempt} attempts, in the ledger: ${ledger.map((ended) => ended.attempt)}`);
    if (ledger.some(({ outcome }) => outcome === 'running')) this.#fault(id, 'has an attempt without an end');
    if (status === 'COMPLETED' && (result as { attempt: number }).attempt !== attempt)
      this.#fault(id, `attempt ${attempt} has another one's result`);
    const ends = this.#of(id).moves.filter((move) => terminal(move.status)).length;
    const lives = 1 + this.#of(id).moves.filter((move) => move.move === 'requeue').length;
    if (ends !== lives) this.#fault(id, `${lives} lives and ${ends} ends`);
  }

  /** Checks a task that no fault has disturbed. */
  fair(id: string, atMostSeconds: number): void {
    const { starts, notBefore } = this.#of(id);
    const lateSeconds = ((starts[0]?.at ?? Number.POSITIVE_INFINITY) - notBefore) / 1000;
    if (lateSeconds > atMostSeconds) this.#fault(id, `started ${lateSeconds} s late`);
    if (starts.length > 1) this.#fault(id, `started ${starts.length} times`);
  }

  #count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  #fault(id: string, what: string): void {
    const lines = this.#of(id).moves.map(
      ({ move, at, attempt, status }) =>
        `  ${(at / 1000).toFixed(3)} s ${move} → ${status}, attempt ${attempt}`,
    );
    const starts = this.#of(id).starts.map(
      ({ at, attempt }) => `  ${(at / 1000).toFixed(3)} s start of ${attempt}`,
    );
    this.faults.push([`${id} ${what}`, ...lines, ...starts].join('\n'));
  }
}
