import type { FieldError } from '../../refusal.ts';

/*
 * Tasks of one bulk request refer to each other by local names: `ref` names a task, and `#name` in `depends_on` refers to it. The
 * names are resolved to ids before anything is written.
 */

/** The sign before a local name in `depends_on`. */
const SIGN = '#';

/** Names that a cycle's path shows. */
const SHOWN_NAMES = 10;

/** A task of a bulk request, as far as its names matter. */
export type NamedTask = {
  ref: string | null;
  dependsOn: readonly string[] | null;
  /** The names that `depends_on` gives to the dependencies; null for a list. */
  inputs: Readonly<Record<string, string>> | null;
};

export const isLocal = (dependency: string): boolean => dependency.startsWith(SIGN);

const localNameOf = (dependency: string): string => dependency.slice(SIGN.length);

/** Returns the JSON pointer of a dependency, from its task. */
export function dependencyPointer({ inputs }: Pick<NamedTask, 'inputs'>, at: number): string {
  const name = inputs === null ? at : Object.keys(inputs)[at];
  return `/depends_on/${name}`;
}

/**
 * Checks the local names of a request's tasks.
 *
 * @param tasks    the valid tasks
 * @param badNames names of tasks that are not valid
 * @returns the errors of tasks that cannot be created, by their place in `tasks`. Pointers begin at the task
 */
export function localNameErrors(
  tasks: readonly NamedTask[],
  badNames: ReadonlySet<unknown> = new Set(),
): Map<number, FieldError[]> {
  if (tasks.every(({ ref, dependsOn }) => ref === null && !dependsOn?.some(isLocal))) return new Map();
  const errors = new Map<number, FieldError[]>();
  const add = (place: number, pointer: string, detail: string) =>
    errors.set(place, [...(errors.get(place) ?? []), { in: 'body', pointer, detail }]);
  const placeOf = new Map<string, number>();
  for (const [ref, places] of Map.groupBy(tasks.keys(), (place) => tasks[place]?.ref ?? null)) {
    if (ref === null) continue;
    placeOf.set(ref, places[0] ?? 0);
    if (places.length === 1 && !badNames.has(ref)) continue;
    for (const place of places) add(place, '/ref', `Another task of this request has the ref ${ref}`);
  }
  /** The local dependencies of each task: the pointer, and the place of the task that it names. */
  const links = tasks.map((task, place) =>
    (task.dependsOn ?? []).flatMap((dependency, at) => {
      if (!isLocal(dependency)) return [];
      const name = localNameOf(dependency);
      const pointer = dependencyPointer(task, at);
      const other = placeOf.get(name);
      if (other !== undefined) return [{ pointer, name, other }];
      const detail = badNames.has(name)
        ? notCreated(dependency)
        : `No task of this request has the ref ${name}`;
      add(place, pointer, detail);
      return [];
    }),
  );
  const bad = new Set(errors.keys());
  const stuck = unresolvable(
    links.map((each) => each.map(({ other }) => other)),
    bad,
  );
  const cycles = cyclesAmong(stuck, links);
  for (const place of stuck) {
    const cycle = cycles.get(place);
    const link = links[place]?.find(({ other }) => stuck.has(other) || (!cycle && bad.has(other)));
    if (!link) continue;
    const detail = cycle ? `Must not wait for itself: ${pathOf(cycle, tasks)}` : notCreated(SIGN + link.name);
    add(place, link.pointer, detail);
  }
  return errors;
}

const notCreated = (dependency: string) => `The task ${dependency} is not created`;

/** Places of tasks that wait for each other in a circle, and the index of the task at which its path begins. */
type Cycle = { places: readonly number[]; begins: number };

/** Formats the path of a cycle: `a → b → a`. */
function pathOf({ places, begins }: Cycle, tasks: readonly NamedTask[]): string {
  const nameAt = (step: number) => tasks[places[(begins + step) % places.length] ?? 0]?.ref;
  const shown = Array.from({ length: Math.min(places.length, SHOWN_NAMES) }, (_, step) => nameAt(step));
  const left = places.length - shown.length;
  return [...shown, ...(left > 0 ? [`(${left} more)`] : []), nameAt(0)].join(' → ');
}

/**
 * Returns the tasks that can never start: each one waits, directly or not, for itself or for a bad task.
 *
 * @param links the places that each task depends on
 * @param bad   places of tasks that are not created for another reason; they are not in the result
 */
export function unresolvable(links: readonly (readonly number[])[], bad: ReadonlySet<number>): Set<number> {
  const dependents = links.map((): number[] => []);
  for (const [place, others] of links.entries()) for (const other of others) dependents[other]?.push(place);
  const open = links.map((others) => others.length);
  const free = [...links.keys()].filter((place) => open[place] === 0 && !bad.has(place));
  const stuck = new Set([...links.keys()].filter((place) => !bad.has(place)));
  for (let place = free.pop(); place !== undefined; place = free.pop()) {
    stuck.delete(place);
    for (const dependent of dependents[place] ?? []) {
      open[dependent] = (open[dependent] ?? 0) - 1;
      if (open[dependent] === 0 && !bad.has(dependent)) free.push(dependent);
    }
  }
  return stuck;
}

/**
 * Finds cycles by following one unresolvable dependency of each task.
 *
 * @returns the cycle of each task that is on one, beginning at the task
 */
function cyclesAmong(
  stuck: ReadonlySet<number>,
  links: readonly (readonly { other: number }[])[],
): Map<number, Cycle> {
  const cycles = new Map<number, Cycle>();
  const seen = new Set<number>();
  const next = (place: number) => links[place]?.find(({ other }) => stuck.has(other))?.other;
  for (const start of stuck) {
    const path = new Map<number, number>();
    let at: number | undefined = start;
    while (at !== undefined && !seen.has(at)) {
      seen.add(at);
      path.set(at, path.size);
      at = next(at);
    }
    const first = at === undefined ? undefined : path.get(at);
    if (first === undefined) continue;
    const places = [...path.keys()].slice(first);
    for (const [begins, place] of places.entries()) cycles.set(place, { places, begins });
  }
  return cycles;
}

/** Returns the tasks with ids instead of local names. @param ids of the tasks, by place */
export function withIds<T extends NamedTask>(tasks: readonly T[], ids: readonly string[]): T[] {
  const idOf = new Map(
    tasks.flatMap(({ ref }, place) => (ref === null ? [] : [[`#${ref}`, ids[place] ?? '']])),
  );
  const resolved = (dependency: string) => idOf.get(dependency) ?? dependency;
  return tasks.map((task) =>
    task.dependsOn?.some(isLocal)
      ? {
          ...task,
          dependsOn: task.dependsOn.map(resolved),
          inputs:
            task.inputs &&
            Object.fromEntries(
              Object.entries(task.inputs).map(([name, dependency]) => [name, resolved(dependency)]),
            ),
        }
      : task,
  );
}
