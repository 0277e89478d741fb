import type { NewTask } from '../../store/index.ts';
import type { Outcome, Task } from '../../task.ts';
import { DISPATCH } from '../fixtures.ts';
import { TaskModel } from './model.ts';
import type { Row } from './row.ts';

type ReturnedRow = Pick<Task, 'id' | 'status' | 'attempt' | 'attemptLimit' | 'crashes' | 'seq' | 'cause'>;

/** A statement that ran concurrently with others. */
export type Act = {
  move: 'claim' | 'settle' | 'report' | 'rescue' | 'cancel' | 'requeue' | 'reschedule';
  /**
   * The tasks whose locks the statement waits for, instead of skipping them. If it did not change one of them, it must not have
   * been able to.
   */
  ids: readonly string[];
  outcomes?: readonly Outcome[];
};

type Done = { act: Act; begun: number; ended: number; returned: ReadonlyMap<string, ReturnedRow> };

const PAST = new Date(0);

/**
 * History of concurrent changes to tasks. The `seq` of the returned rows gives the order in which each task was changed. The
 * model replays the changes in that order, and must arrive at equal rows.
 */
export class History {
  readonly #tasks: readonly NewTask[];
  readonly #organizationId: string;
  readonly #done: Done[] = [];
  #time = 0;

  constructor(tasks: readonly NewTask[], organizationId: string) {
    this.#tasks = tasks;
    this.#organizationId = organizationId;
  }

  /** Runs a statement, and records when it ran and what it returned. */
  async of<T extends ReturnedRow>(act: Act, run: () => Promise<T[]>): Promise<T[]> {
    this.#time += 1;
    const begun = this.#time;
    const rows = await run();
    this.#time += 1;
    this.#done.push({ act, begun, ended: this.#time, returned: new Map(rows.map((row) => [row.id, row])) });
    return rows;
  }

  lastSeq(id: string): number {
    return Math.max(1, ...this.#done.map(({ returned }) => returned.get(id)?.seq ?? 0));
  }

  /** Returns the points at which the history could not have happened as a sequence. */
  faults(): string[] {
    return this.#tasks.flatMap((task) => this.#faultsOf(task));
  }

  #faultsOf(task: NewTask): string[] {
    const changes = this.#done
      .flatMap((done) => {
        const returned = done.returned.get(task.id);
        return returned ? [{ ...done, returned }] : [];
      })
      .toSorted((one, other) => one.returned.seq - other.returned.seq);
    const model = new TaskModel({ now: () => new Date() });
    model.insert([task], { organizationId: this.#organizationId, dispatch: DISPATCH });
    const rowNow = (): Row => model.rows.get(task.id) as Row;
    const states = [{ row: rowNow(), from: 0, until: Number.POSITIVE_INFINITY }];
    for (const { act, returned, begun, ended } of changes) {
      const before = rowNow();
      const [came, should] = [described(returned), described(replay(model, before, act) ?? before)];
      if (came !== should)
        return [`${task.id}: ${act.move} from ${described(before)} came to ${came}, not to ${should}`];
      const last = states.at(-1);
      if (last) last.until = ended;
      states.push({ row: rowNow(), from: begun, until: Number.POSITIVE_INFINITY });
    }
    return this.#done
      .filter(({ act, returned }) => act.ids.includes(task.id) && !returned.has(task.id))
      .filter(({ act, begun, ended }) =>
        states.every(({ row, from, until }) => {
          if (until < begun || from > ended) return true;
          model.put(row);
          return replay(model, row, act) !== undefined;
        }),
      )
      .map(({ act }) => `${task.id}: ${act.move} changed nothing, and should have`);
  }
}

const described = ({ status, attempt, attemptLimit, crashes, seq, cause }: ReturnedRow): string =>
  `${status} (attempt ${attempt} of ${attemptLimit}, ${crashes} crashes, ${cause}, seq ${seq})`;

/** Replays an act on the model, at a time at which it is possible. */
function replay(model: TaskModel, row: Row, { move, outcomes = [] }: Act): ReturnedRow | undefined {
  const { id, attempt } = row;
  model.put({ ...row, runAt: PAST, leaseUntil: row.status === 'RUNNING' ? PAST : null });
  switch (move) {
    case 'claim':
      return model.claim({ ids: [id], leaseSeconds: 600, soonSeconds: 0, alone: true }).claimed[0];
    case 'settle':
      return model.settle(
        outcomes.filter((outcome) => outcome.id === id),
        DISPATCH,
      )[0];
    case 'report':
      return model.report([{ id, attempt }])[0];
    case 'rescue':
      return model.rescue([id], 1)[0];
    case 'cancel':
      return model.cancel(id);
    case 'requeue':
      return model.requeue([id], DISPATCH)[0];
    case 'reschedule':
      return model.reschedule(id, PAST.toISOString(), DISPATCH);
  }
}
