import type * as z from 'zod';
import { JsonText } from '../exact-json/json-text.ts';
import type { GuardedFetch } from '../fetch/port.ts';
import type { RetryPolicy } from './task.ts';
import type { TaskArtifacts } from './task-artifacts.ts';
import type { TaskInputs } from './task-inputs.ts';

/** The values of a result, or of the details of an error: everything that `jsonb` can store. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** A length of time as written in a definition: `'20s'`, `'1.5s'` or `'2m'`. */
export type Duration = `${number}s` | `${number}m`;

/** Retry policy of a kind. A task may override it. */
export interface KindRetry extends RetryPolicy {
  /** Retries after the first attempt, 0 to 100. */
  readonly maxRetries: number;
}

const DEFAULT_RETRY: KindRetry = {
  maxRetries: 3,
  base: 2,
  factor: 2,
  cap: 600,
  jitter: 'full',
  neverRetry: [],
};

/**
 * Where attempts of a kind run.
 *
 * - `isolated`: each attempt runs in a process of its own beside the worker's. At its hard limit it is really stopped, whatever
 *   it does, and its death harms no other attempt. Only a few run at a time.
 * - `inline`: many attempts run side by side in the worker itself, for a thirtieth of the cost. For short asynchronous handlers
 *   that are trusted never to spin, block or hoard memory: at the hard limit they are given up, not stopped.
 * - `{ isolatedWith }`: isolated when the payload has any of these members, inline when it has none.
 */
export type Runs = 'isolated' | 'inline' | { readonly isolatedWith: readonly string[] };

/**
 * How attempts of a kind spend their time: `network` when they only wait for answers of others. A worker runs many such attempts
 * beside its other work. Their number is bounded for each organization and each user, and their retries wait at least
 * `shortestDelaySeconds`. Such a kind must run inline.
 */
export type Waits = 'network';

/**
 * Upper bound of a hard limit in seconds. It is a minute below the time limit of a function (900 s), so that an attempt can still
 * be settled after its hard limit.
 */
export const LONGEST_LIMIT_SECONDS = 14 * 60;

/**
 * How a form asks for a member of the payload when the schema does not tell: several `lines`, a value as `json`, or the content
 * of a `file`.
 */
export interface FieldHint {
  readonly input: 'lines' | 'json' | 'file';
}

/**
 * The data of a kind: all that is needed to accept a task. The function that runs the task is separate, with its dependencies.
 */
export interface Kind<Name extends string = string, Payload extends z.ZodType = z.ZodType> {
  readonly kind: Name;
  /** Label for people: a few words. */
  readonly label: string;
  /** Description for people: one sentence. */
  readonly description: string;
  /** A payload that the kind accepts, for people who try the kind; undefined for none. */
  readonly example: unknown;
  /** Form hints for members of the payload, by name. */
  readonly form: Readonly<Record<string, FieldHint>>;
  /** Schema of the payload. Parsing must be idempotent: the schema accepts its own output and returns it unchanged. */
  readonly payload: Payload;
  readonly limits: Limits;
  /** `limits.soft` in seconds. */
  readonly softSeconds: number;
  /** `limits.hard` in seconds. */
  readonly hardSeconds: number;
  /** Limits of tasks whose payload has a member, by the name of the member. They stand in the task's row. */
  readonly limitsWith: Readonly<Record<string, Limits>>;
  readonly retry: KindRetry;
  readonly runs: Runs;
  readonly waits: Waits | undefined;
  readonly verbatim: readonly string[];
  readonly sender: string | undefined;
}

/**
 * Limits of an attempt. After `soft`, the signal of the context aborts. At `hard`, the attempt is lost. At most 14 minutes, hard
 * > soft.
 */
interface Limits {
  readonly soft: Duration;
  readonly hard: Duration;
}

export interface KindSpec<Name extends string, Payload extends z.ZodType> {
  /** `<domain>.<verb>`, lower case. */
  readonly kind: Name;
  /** Default: the words of the kind's name. */
  readonly label?: string;
  /** Default: none. */
  readonly description?: string;
  /** Default: none. */
  readonly example?: unknown;
  /** Default: the form follows the schema. */
  readonly form?: Readonly<Record<string, FieldHint>>;
  readonly payload: Payload;
  readonly limits: Limits;
  /** Limits of tasks whose payload has a member, by the name of the member. For members that mean much more work. Default: none. */
  readonly limitsWith?: Readonly<Record<string, Limits>>;
  readonly retry?: Partial<KindRetry>;
  /** Default `isolated`. */
  readonly runs?: Runs;
  /** Default: attempts compute. */
  readonly waits?: Waits | undefined;
  /**
   * Members of the payload that the schema and the handler get as `JsonText`, as the caller wrote them. For data that the handler
   * passes on to others. In all other members, a number that a double would change is refused. Default: none.
   */
  readonly verbatim?: readonly string[];
  /**
   * Member of the payload with the address that mail comes from: a text, or an object with `address`. A task is refused when the
   * installation may not send from there. Default: the kind sends no mail.
   */
  readonly sender?: string | undefined;
}

/** Context of a running attempt. A handler reaches the outside only through it. */
export interface TaskContext {
  /**
   * Aborts at the soft limit and when a cancel was requested. A handler then stops soon and throws `signal.reason`. A handler
   * that computes for long must yield now and then (`await setImmediate()` of node:timers/promises), or it will not notice.
   */
  readonly signal: AbortSignal;
  readonly taskId: string;
  /** Number of the attempt, from 1. */
  readonly attempt: number;
  /** Equal for every attempt of the task. Send it wherever an effect must not happen twice. */
  readonly idempotencyKey: string;
  /** When the signal aborts because of the soft limit. */
  readonly deadline: Date;
  /** Outbound HTTP that cannot reach private addresses. */
  readonly fetch: GuardedFetch;
  /** Files of the organization: to read, and to create. */
  readonly artifacts: TaskArtifacts;
  /** Results of the tasks that the task depends on. */
  readonly inputs: TaskInputs;
  /**
   * Reports the progress of the attempt to the watchers: `fraction` in [0, 1], and a note of at most 200 characters. Call it as
   * often as you like. There is nothing to await.
   */
  progress(fraction: number, note?: string): void;
  /**
   * Writes a line of at most 1,000 characters and 2 KB of fields into the structured log, and into the attempt's stored log. The
   * stored log holds 100 lines and 16 KB: the least important lines are dropped first, and among these the oldest.
   */
  log(level: LogLevel, message: string, fields?: Readonly<Record<string, Json>>): void;
}

/** From the least important to the most important. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/** A kind together with the function that runs it. */
export interface TaskDefinition<
  Name extends string = string,
  Payload extends z.ZodType = z.ZodType,
  Result extends Json = Json,
> extends Kind<Name, Payload> {
  run(payload: z.output<Payload>, context: TaskContext): Promise<Result>;
  /**
   * Parses a stored payload, then runs the handler. The engine calls this function.
   *
   * @param storedPayload a `JsonText`, or a value
   * @throws PermanentError `payload_invalid` when a payload accepted by an older schema no longer fits
   */
  perform(storedPayload: unknown, context: TaskContext): Promise<Result>;
}

export interface ErrorExtras {
  readonly cause?: unknown;
  /** Facts for the reader of the task's error. They are stored with the error, so keep them small and free of secrets. */
  readonly details?: Readonly<Record<string, Json>>;
}

/**
 * A failure that a handler explains.
 *
 * @property code stable, snake_case
 */
class HandlerError extends Error {
  readonly code: string;
  readonly details: Readonly<Record<string, Json>>;

  constructor(code: string, message: string, { cause, details = {} }: ErrorExtras = {}) {
    super(message, { cause });
    this.code = code;
    this.details = details;
  }
}

/** A failure that no further attempt can change: the task fails at once. */
export class PermanentError extends HandlerError {
  override readonly name = 'PermanentError';
}

/**
 * A failure that another attempt may not meet, with a code and a shortest delay. Any other error that a handler throws is retried
 * too, by the backoff alone.
 *
 * @property afterSeconds the retry comes no sooner; a longer backoff applies
 */
export class RetryError extends HandlerError {
  override readonly name = 'RetryError';
  readonly afterSeconds: number;

  constructor(
    code: string,
    message: string,
    { afterSeconds = 0, ...extras }: ErrorExtras & { readonly afterSeconds?: number } = {},
  ) {
    super(code, message, extras);
    this.afterSeconds = afterSeconds;
  }
}

/**
 * Describes a kind without running it.
 *
 * @throws TypeError for a definition that cannot work. It throws at import, so that a bundle with such a kind does not start
 */
export function defineKind<const Name extends string, Payload extends z.ZodType>(
  spec: KindSpec<Name, Payload>,
): Kind<Name, Payload> {
  const { kind, payload, limits, limitsWith = {}, runs = 'isolated', waits, verbatim = [], sender } = spec;
  const { label = labelOf(kind), description = '', example, form = {} } = spec;
  const softSeconds = secondsOf(limits.soft);
  const hardSeconds = secondsOf(limits.hard);
  const retry = { ...DEFAULT_RETRY, ...spec.retry };
  const rules: readonly [string, boolean][] = [
    ['its name is <domain>.<verb>', /^[a-z][a-z0-9-]*\.[a-z][a-z0-9-]*$/.test(kind)],
    ...[limits, ...Object.values(limitsWith)].flatMap(rulesOfLimits),
    [
      'maxRetries is 0 to 100',
      Number.isInteger(retry.maxRetries) && retry.maxRetries >= 0 && retry.maxRetries <= 100,
    ],
    ['0 < base ≤ cap', retry.base > 0 && retry.cap >= retry.base],
    ['the factor of the backoff is 1 to 10', retry.factor >= 1 && retry.factor <= 10],
    ['what waits for the network runs inline', waits === undefined || runs === 'inline'],
  ];
  for (const [rule, holds] of rules) {
    if (!holds) throw new TypeError(`Kind ${kind}: ${rule}`);
  }
  return {
    kind,
    label,
    description,
    example,
    form,
    payload,
    limits,
    softSeconds,
    hardSeconds,
    limitsWith,
    retry,
    runs,
    waits,
    verbatim,
    sender,
  };
}

function rulesOfLimits({ soft, hard }: Limits): [rule: string, holds: boolean][] {
  const [softSeconds, hardSeconds] = [secondsOf(soft), secondsOf(hard)];
  return [
    ['the soft limit is above 0', softSeconds > 0],
    ['the hard limit is above the soft one', hardSeconds > softSeconds],
    ['the hard limit is at most 14 minutes', hardSeconds <= LONGEST_LIMIT_SECONDS],
  ];
}

/** Returns the default label: `Report build` for `report.build`. */
function labelOf(kind: string): string {
  const words = kind.replaceAll(/[.-]/g, ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Returns true when an attempt with this payload runs in the worker itself. The claim derives the same answer from the row. */
export function runsInline({ runs }: Pick<Kind, 'runs'>, stored: unknown): boolean {
  if (typeof runs === 'string') return runs === 'inline';
  const payload = stored instanceof JsonText ? stored.value : stored;
  if (typeof payload !== 'object' || payload === null) return true;
  return !runs.isolatedWith.some((member) => Object.hasOwn(payload, member));
}

/**
 * Describes a kind together with its handler. A kind with heavy dependencies keeps its `defineKind` data in another file and
 * spreads it in here.
 */
export function defineTask<const Name extends string, Payload extends z.ZodType, Result extends Json>(
  spec: KindSpec<Name, Payload> & {
    run(payload: z.output<Payload>, context: TaskContext): Promise<Result>;
  },
): TaskDefinition<Name, Payload, Result> {
  return {
    ...defineKind(spec),
    run: spec.run,
    async perform(storedPayload, context) {
      const given =
        storedPayload instanceof JsonText ? storedPayload.valueWith(spec.verbatim ?? []) : storedPayload;
      const parsed = await spec.payload.safeParseAsync(given);
      if (parsed.success) return spec.run(parsed.data, context);
      const [issue] = parsed.error.issues;
      const where = issue?.path.length ? ` at /${issue.path.map(String).join('/')}` : '';
      throw new PermanentError(
        'payload_invalid',
        `The payload does not fit ${spec.kind}${where}: ${issue?.message}`,
      );
    },
  };
}

const SECONDS_PER: Record<string, number> = { s: 1, m: 60 };

/** @throws TypeError when `duration` is not a number followed by `s` or `m` */
export function secondsOf(duration: Duration): number {
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)([sm])$/.exec(duration) ?? [];
  const perUnit = SECONDS_PER[unit];
  if (perUnit === undefined) throw new TypeError(`Not a duration such as 20s or 2m: ${duration}`);
  return Number(amount) * perUnit;
}
