import { TimeLine } from './time-line.ts';

/** The fields that decide a message's turn. */
interface Grouped {
  readonly messageGroupId?: string | undefined;
  /** Milliseconds since the epoch; no receiver gets the message earlier. */
  delayUntil?: number | undefined;
}

/** A message that was received and not deleted. */
export interface Held<M> {
  readonly message: M;
  readonly handle: string;
  /** Milliseconds since the epoch; the message becomes visible again at this time. */
  readonly deadline: number;
}

/** A tenant: the messages with one `MessageGroupId`. */
interface Group<M> {
  readonly id: string | undefined;
  /** Waiting messages from index `first` on. Earlier entries have been taken. */
  readonly waiting: M[];
  first: number;
  held: number;
}

/** Taken messages that a group's list may keep before it is cut. */
const CARRIED = 1024;

/**
 * The messages of a standard queue in the order of SQS's fair queues. The group with the fewest messages in flight is
 * next. Among equals, the group that has waited longest for a turn is next. So a tenant with a long backlog does not
 * delay the others. Messages inside a group are served first come, first served. Messages without a group are never
 * counted as in flight, as if each were a tenant of its own.
 *
 * AWS prefers quiet tenants only when one tenant has a tenth of all messages in flight, and at least thirty. One
 * machine does not have that many in flight, so this queue always prefers them. AWS's second criterion, the share of
 * processing time, is not emulated.
 *
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues-detailed.html
 */
export class FairMessages<M extends Grouped> {
  readonly #groups = new Map<string | undefined, Group<M>>();
  /** Groups with waiting messages; the group served longest ago comes first. */
  readonly #turns = new Set<Group<M>>();
  readonly #delayed = new TimeLine<M>();
  readonly #held = new Map<string, Held<M>>();
  readonly #deadlines = new TimeLine<string>();
  #ready = 0;

  get counts(): { ready: number; delayed: number; held: number } {
    return { ready: this.#ready, delayed: this.#delayed.size, held: this.#held.size };
  }

  /** Adds a message. It waits for its delay, then for its turn. */
  add(message: M, now: number): void {
    if (message.delayUntil !== undefined && message.delayUntil > now) {
      this.#delayed.add(message, message.delayUntil);
    } else {
      this.#line(message);
    }
  }

  /** Removes and returns the message whose turn it is, or undefined when none is visible. */
  next(now: number): M | undefined {
    this.#moveTime(now);
    let chosen: Group<M> | undefined;
    for (const group of this.#turns) {
      if (!chosen || group.held < chosen.held) chosen = group;
      if (chosen.held === 0) break;
    }
    return chosen && this.#take(chosen);
  }

  hold(held: Held<M>): void {
    this.#held.set(held.handle, held);
    this.#deadlines.add(held.handle, held.deadline);
    this.#count(held.message, 1);
  }

  /** Ends the hold and returns the message to the caller. Undefined when the message is no longer held. */
  release(handle: string): M | undefined {
    const held = this.#held.get(handle);
    if (!held) return undefined;
    this.#held.delete(handle);
    this.#deadlines.remove(handle);
    this.#count(held.message, -1);
    return held.message;
  }

  /** Puts a released message before the others of its group, because it has waited longest. */
  putBack(message: M): void {
    this.#line(message, 'first');
  }

  /** Returns the time when the next message becomes visible by itself, or undefined. */
  nextChange(): number | undefined {
    const times = [this.#delayed.first, this.#deadlines.first].filter((time) => time !== undefined);
    return times.length > 0 ? Math.min(...times) : undefined;
  }

  clear(): void {
    this.#groups.clear();
    this.#turns.clear();
    this.#delayed.clear();
    this.#held.clear();
    this.#deadlines.clear();
    this.#ready = 0;
  }

  #moveTime(now: number): void {
    for (const message of this.#delayed.until(now)) this.#line(message);
    for (const handle of this.#deadlines.until(now)) {
      const message = this.release(handle);
      if (message) this.putBack(message);
    }
  }

  #groupOf({ messageGroupId: id }: M): Group<M> {
    let group = this.#groups.get(id);
    if (!group) {
      group = { id, waiting: [], first: 0, held: 0 };
      this.#groups.set(id, group);
    }
    return group;
  }

  #line(message: M, place: 'first' | 'last' = 'last'): void {
    const group = this.#groupOf(message);
    if (place === 'last') group.waiting.push(message);
    else if (group.first > 0) group.waiting[--group.first] = message;
    else group.waiting.unshift(message);
    this.#turns.add(group);
    this.#ready++;
  }

  #take(group: Group<M>): M | undefined {
    const message = group.waiting[group.first++];
    this.#ready--;
    // A group with more messages moves to the end of the round.
    this.#turns.delete(group);
    if (group.first < group.waiting.length) {
      this.#turns.add(group);
      if (group.first >= CARRIED && group.first * 2 >= group.waiting.length) {
        group.waiting.splice(0, group.first);
        group.first = 0;
      }
    } else {
      group.waiting.length = 0;
      group.first = 0;
    }
    this.#forgetEmpty(group);
    return message;
  }

  #count(message: M, by: 1 | -1): void {
    const group = this.#groupOf(message);
    if (group.id !== undefined) group.held += by;
    this.#forgetEmpty(group);
  }

  #forgetEmpty(group: Group<M>): void {
    if (group.held === 0 && group.waiting.length === group.first) this.#groups.delete(group.id);
  }
}
