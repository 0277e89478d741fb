import { JSON_VALUE } from '../../json-schema.ts';
import { DEFAULT_KIND, KIND_NAMES, kindOf } from '../../tasks/kinds/registry.ts';
import type { App } from '../app/app.ts';

/** Returns the component name of a kind's payload, for example `DataProcessPayload` for `data.process`. */
const componentOf = (kind: string) =>
  `${kind.replace(/(?:^|[.-])([a-z])/g, (_, letter: string) => letter.toUpperCase())}Payload`;

/**
 * Rules between the fields of a task: the payload must fit the kind. Only a task of the default kind may omit `kind` and
 * `payload`.
 */
export const taskRules = {
  dependentRequired: { concurrency_limit: ['concurrency_key'] },
  anyOf: KIND_NAMES.map((kind) => ({
    properties: { kind: { const: kind }, payload: { $ref: `#/components/schemas/${componentOf(kind)}` } },
    ...(kind !== DEFAULT_KIND && { required: ['kind', 'payload'] }),
  })),
};

/** Registers the payload schema of every kind, and the schema of any JSON value. */
export function registerKindSchemas(app: App): void {
  const registry = app.openAPIRegistry;
  registry.registerComponent('schemas', 'JsonValue', JSON_VALUE as object);
  for (const kind of KIND_NAMES) registry.register(componentOf(kind), kindOf(kind).payload);
}
