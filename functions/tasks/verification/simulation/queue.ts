import type { Enqueue, WakeUp } from '../../task.ts';
import type { Sandbox } from './clock.ts';
import type { World } from './world.ts';

type Message = { ids: readonly string[]; receives: number; visibleAt: number };

/** A received message. */
export type Receipt = { message: Message; ids: readonly string[]; redelivered: boolean };

/** Receives after which a message moves to the dead letters. */
const MAX_RECEIVES = 5;

/** Messages that one invocation gets at most. */
const BATCH = 10;

/**
 * A queue that behaves like SQS: at least once, in no order, with a delay for each message. It hides received messages for a
 * while and gives a message up after a few receives. The world decides about its faults.
 */
export class SimulatedQueue {
  readonly #world: World;
  readonly #visibilitySeconds: number;
  readonly #deadLetters: SimulatedQueue | undefined;
  readonly #messages = new Set<Message>();
  /** Called when there may be messages to receive. */
  onVisible: () => void = () => {};

  constructor(world: World, visibilitySeconds: number, deadLetters?: SimulatedQueue) {
    this.#world = world;
    this.#visibilitySeconds = visibilitySeconds;
    this.#deadLetters = deadLetters;
  }

  /** Messages that are not deleted yet, visible or not. */
  get size(): number {
    return this.#messages.size;
  }

  send(ids: readonly string[], delaySeconds: number): void {
    const { faults, random, clock } = this.#world;
    if (random.chance(faults().dropped)) return;
    const copies = random.chance(faults().doubled) ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      const late = random.chance(faults().late) ? random.between(1_000, 300_000) : random.between(0, 20);
      this.#show({ ids, receives: 0, visibleAt: clock.now + delaySeconds * 1000 + late });
    }
  }

  /** Takes up to ten visible messages, any of them, and hides them. */
  receive(): Receipt[] {
    const { clock, random, faults } = this.#world;
    const visible = [...this.#messages].filter((message) => message.visibleAt <= clock.now);
    const taken: Receipt[] = [];
    while (visible.length > 0 && taken.length < BATCH) {
      const [message] = visible.splice(Math.floor(random.next() * visible.length), 1);
      if (!message) break;
      if (message.receives >= MAX_RECEIVES && this.#deadLetters) {
        this.#messages.delete(message);
        this.#deadLetters.#show({ ...message, receives: 0 });
        continue;
      }
      const hidden = random.chance(faults().seenTwice) ? random.between(0, 10) : this.#visibilitySeconds;
      message.receives += 1;
      message.visibleAt = clock.now + hidden * 1000;
      this.#show(message);
      taken.push({ message, ids: message.ids, redelivered: message.receives > 1 });
    }
    return taken;
  }

  remove({ message }: Receipt): void {
    this.#messages.delete(message);
  }

  #show(message: Message): void {
    this.#messages.add(message);
    this.#world.clock.after(message.visibleAt - this.#world.clock.now, undefined, () => this.onVisible());
  }
}

/** Sends wake-ups from a function that may die meanwhile. */
export function enqueueFrom(
  world: World,
  sandbox: Sandbox,
  queues: Record<WakeUp['queue'], SimulatedQueue>,
): Enqueue {
  const { random, faults } = world;
  return (wakeUps) =>
    world.request(sandbox, () =>
      wakeUps.flatMap((wakeUp) => {
        const unsent = random.chance(faults().unsent);
        if (!unsent || random.chance(0.5)) queues[wakeUp.queue].send(wakeUp.ids, wakeUp.delaySeconds);
        return unsent ? [...wakeUp.ids] : [];
      }),
    );
}
