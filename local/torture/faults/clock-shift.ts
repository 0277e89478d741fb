/*
 * Preloaded into the workers' sandboxes: shifts their clock. On such a machine Lambda's deadline has the wrong clock
 * too, so the deadline is shifted with it.
 */
import { clockOffset } from './clock-offset.ts';

const offset = clockOffset(process.pid);
const RightDate = Date;
const now = () => RightDate.now() + offset;

globalThis.Date = new Proxy(RightDate, {
  construct: (target, given, newTarget) =>
    Reflect.construct(target, given.length === 0 ? [now()] : given, newTarget),
  apply: () => new RightDate(now()).toString(),
  get: (target, name, receiver) => (name === 'now' ? now : Reflect.get(target, name, receiver)),
});

const emit = process.emit.bind(process) as (event: string | symbol, ...given: unknown[]) => boolean;
process.emit = ((event: string | symbol, message: unknown, ...rest: unknown[]) =>
  emit(event, event === 'message' ? shifted(message) : message, ...rest)) as typeof process.emit;

function shifted(message: unknown): unknown {
  const isInvocation = typeof message === 'object' && message !== null && 'deadline' in message;
  return isInvocation ? { ...message, deadline: Number(message.deadline) + offset } : message;
}
