import type { Change } from '../work/callers.ts';
import type { Move } from './audit.ts';
import type { History } from './history.ts';

/** Checks a history. @returns a description of the violation, or undefined */
type Rule = (history: History) => string | undefined;

const TERMINAL = new Set(['COMPLETED', 'FAILED', 'CANCELLED']);

/** Tolerance in milliseconds: some clocks are read in whole milliseconds. */
const MS = 1;

/** Outcomes that the table of attempts may have for an attempt that ended with a move to this status. */
const OUTCOMES: Readonly<Record<string, readonly string[]>> = {
  COMPLETED: ['completed'],
  SCHEDULED: ['retried', 'crashed'],
  FAILED: ['failed', 'crashed'],
  CANCELLED: ['aborted', 'crashed'],
};

/** The move of a person's retry. */
const REQUEUE: { readonly from: readonly string[]; readonly to: readonly string[] } = {
  from: ['FAILED', 'CANCELLED'],
  to: ['SCHEDULED', 'PENDING'],
};

const isFinal = ({ from, to }: Move) => TERMINAL.has(to) && !(from !== null && TERMINAL.has(from));
const isStart = ({ from, to }: Move) => from !== 'RUNNING' && to === 'RUNNING';
const isRequeue = ({ from, to }: Move) => REQUEUE.from.includes(String(from)) && REQUEUE.to.includes(to);

/** Moves that the engine may make. Moves that people cause are in `LEGAL_IF_ASKED`. */
const LEGAL = new Set([
  'null>PENDING',
  'null>SCHEDULED',
  'PENDING>SCHEDULED',
  'SCHEDULED>RUNNING',
  'RUNNING>SCHEDULED',
  'RUNNING>COMPLETED',
  'RUNNING>FAILED',
  'RUNNING>CANCELLED',
]);

const LEGAL_IF_ASKED: Readonly<Record<string, Change['what']>> = {
  'PENDING>CANCELLED': 'cancel',
  'SCHEDULED>CANCELLED': 'cancel',
  'RUNNING>CANCELLED': 'cancel',
  ...Object.fromEntries(
    REQUEUE.from.flatMap((from) => REQUEUE.to.map((to) => [`${from}>${to}`, 'retry' as const])),
  ),
};

const nameOf = ({ from, to }: Move) => `${from}>${to}`;

/**
 * An answer below 300 means that the change happened. A missing answer or a server error means that it may have
 * happened.
 */
const mayHaveHappened = ({ code }: Change) => code === 0 || code < 300 || code >= 500;

/** Rules that hold for every task, whatever faults were injected. The report uses their names. */
export const RULES: Readonly<Record<string, Rule>> = {
  'tasks lost': ({ created, row }) => (created && !row ? 'was acknowledged and has no row' : undefined),

  'tasks unfinished': ({ row }) => (row && !TERMINAL.has(row.status) ? `is ${row.status}` : undefined),

  'illegal moves': ({ moves, changes }) => {
    const wrong = moves.find((move, index) => {
      const before = moves[index - 1];
      if (move.from !== (before?.to ?? null)) return true;
      const asked = LEGAL_IF_ASKED[nameOf(move)];
      if (asked === undefined) return !LEGAL.has(nameOf(move));
      return !changes.some(
        (change) => change.what === asked && mayHaveHappened(change) && change.sentAt <= move.at + MS,
      );
    });
    return wrong && `${nameOf(wrong)} of attempt ${wrong.attempt} in ${pathOf(moves)}`;
  },

  'final transitions other than one a life': ({ row, moves }) => {
    const lives = 1 + moves.filter(isRequeue).length;
    const ends = moves.filter(isFinal).length;
    return row && ends !== lives ? `${ends} in ${lives} lives: ${pathOf(moves)}` : undefined;
  },

  'starts after an acknowledged cancel': ({ moves, changes, hits, ledger }) => {
    for (const cancel of changes) {
      if (cancel.what !== 'cancel' || (cancel.code !== 200 && cancel.code !== 202)) continue;
      const until = Math.min(
        ...changes
          // Also a retry that was sent before the cancel and handled after it.
          .filter(({ what, answeredAt }) => what === 'retry' && answeredAt >= cancel.sentAt)
          .map(({ sentAt }) => sentAt),
      );
      const meanwhile = ({ at }: { at: number }) => at > cancel.answeredAt + MS && at < until;
      const start = moves.find((move) => isStart(move) && meanwhile(move));
      if (start) return `attempt ${start.attempt} ${after(cancel, start.at)}`;
      // A worker that was presumed dead may still be running the task: its attempt had started before the cancel.
      if (cancel.code === 202 || ledger.some(({ outcome }) => outcome === 'crashed')) continue;
      const effect = hits.find(meanwhile);
      if (effect) return `its request reached the target ${after(cancel, effect.at)}`;
    }
    return undefined;
  },

  'starts before their time': ({ created, moves, hits }) => {
    const early = moves.find((move) => isStart(move) && move.at < move.dueAt);
    if (early) return `attempt ${early.attempt} began ${(early.dueAt - early.at).toFixed(3)} ms early`;
    const [first] = hits;
    const start = moves.find(isStart);
    if (!first) return undefined;
    if (!start || first.at + MS < start.at) return 'its request reached the target before its first start';
    // A person's retry starts at once, even for a task that was cancelled before its due time.
    const isFirstLife = !moves.some((move) => isRequeue(move) && move.at <= first.at + MS);
    if (created && isFirstLife && first.at + MS < created.dueAt)
      return `its request reached the target ${created.dueAt - first.at} ms early`;
    return undefined;
  },

  'attempts out of order': ({ row, moves }) => {
    const starts = moves.filter(isStart).map(({ attempt }) => attempt);
    const isCounted = starts.every((attempt, index) => attempt === index + 1);
    const isKept = moves.every(
      (move, index) => isStart(move) || move.attempt === (moves[index - 1]?.attempt ?? 0),
    );
    if (isCounted && isKept && (!row || row.attempt === starts.length)) return undefined;
    return `starts of attempts ${starts.join(', ') || 'none'}, the row has ${row?.attempt}`;
  },

  'ledger lines missing, doubled or wrong': ({ moves, ledger }) => {
    const ended = moves.filter(({ from, to }) => from === 'RUNNING' && to !== 'RUNNING');
    const fits =
      ended.length === ledger.length &&
      ended.every(({ attempt, to }, index) => {
        const line = ledger[index];
        return line?.attempt === attempt && OUTCOMES[to]?.includes(line.outcome);
      });
    if (fits) return undefined;
    const lines = ledger.map(({ attempt, outcome }) => `${attempt} ${outcome}`);
    return `the ledger has ${lines.join(', ') || 'nothing'}; ${pathOf(moves)}`;
  },

  'outcomes of another attempt': ({ row, moves, ledger, hits }) => {
    const reports = ledger
      .filter((line) => line.outcome === 'retried' || line.outcome === 'failed')
      .map(({ attempt, hit }) => ({ attempt, hit }));
    if (row?.status === 'COMPLETED') reports.push({ attempt: row.attempt, hit: row.hit });
    for (const { attempt, hit: number } of reports) {
      if (number === null) continue;
      const hit = hits.find((each) => each.number === number);
      if (!hit) return `attempt ${attempt} tells of request ${number}, which was not this task's`;
      const start = moves.findIndex((move) => isStart(move) && move.attempt === attempt);
      const [from, to] = [moves[start]?.at ?? Number.NaN, moves[start + 1]?.at ?? Number.NaN];
      if (!(hit.at + MS >= from && hit.at - MS <= to))
        return `attempt ${attempt} has the outcome of a request that arrived ${(from - hit.at).toFixed(0)} ms before it`;
    }
    return undefined;
  },

  'completed without the effect': ({ row, hits }) => {
    if (row?.status !== 'COMPLETED' || row.kind !== 'http.request') return undefined;
    const isDone = hits.some(({ number, status }) => number === row.hit && status === 200);
    return isDone ? undefined : `its result names request ${row.hit}`;
  },

  'effects without an attempt': ({ moves, hits }) => {
    const starts = moves.filter(isStart).length;
    return hits.length > starts ? `${hits.length} requests in ${starts} attempts` : undefined;
  },

  'answers that are not what happened': ({ moves, changes }) => {
    const wrong = changes.find((change) => {
      if (change.code !== 200) return false;
      const happened = moves.some(
        (move) =>
          (change.what === 'cancel' ? move.to === 'CANCELLED' : isRequeue(move)) &&
          move.at >= change.sentAt - MS &&
          move.at <= change.answeredAt + MS,
      );
      const wanted = change.what === 'cancel' ? ['CANCELLED'] : REQUEUE.to;
      return !wanted.includes(String(change.status)) || !happened;
    });
    return wrong && `${wrong.what} was answered ${wrong.code} ${wrong.status}; ${pathOf(moves)}`;
  },
};

/** Returns the violations of these histories for every rule, also for rules without violations. */
export function violations(histories: readonly History[]): Map<string, string[]> {
  return new Map(
    Object.entries(RULES).map(([name, rule]) => [
      name,
      histories.flatMap((history) => {
        const complaint = rule(history);
        return complaint === undefined ? [] : [`${history.id} ${complaint}`];
      }),
    ]),
  );
}

/** Returns the tasks that were unfinished at `time`, with all their moves in seconds relative to it. */
export function unfinishedAt(histories: readonly History[], time: number): string[] {
  return histories
    .filter(({ moves }) => {
      const last = moves.findLast(({ at }) => at <= time);
      return last !== undefined && !TERMINAL.has(last.to);
    })
    .map(({ id, moves }) => {
      const path = moves.map(
        ({ to, attempt, at }) => `${to}(${attempt}) ${((at - time) / 1_000).toFixed(1)}`,
      );
      return `${id} ${path.join(' ')}`;
    });
}

function pathOf(moves: readonly Move[]): string {
  return moves.map(({ to, attempt }) => `${to}(${attempt})`).join(' ');
}

function after({ answeredAt, code }: Change, at: number): string {
  return `${(at - answeredAt).toFixed(1)} ms after a cancel that was answered ${code}`;
}
