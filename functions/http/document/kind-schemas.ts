import { JSON_VALUE } from '../../json-schema.ts';
import { DEFAULT_KIND, KIND_NAMES, kindOf } from '../../tasks/kinds/registry.ts';
import type { App } from '../app/app.ts';

/** `DataProcessPayload` of `data.process`. */
const componentOf = (kind: string) =>
  `${kind.replace(/(?:^|[.-])([a-z])/g, (_, letter: string) => letter.toUpperCase())}Payload`;

/** Rules between the fields of a task: the payload is that of the kind, which may be left out. */
export const taskRules = {
  dependentRequired: { concurrency_limit: ['concurrency_key'] },
  anyOf: KIND_NAMES.map((kind) => ({
    properties: { kind: { const: kind }, payload: { $ref: `#/components/schemas/${componentOf(kind)}` } },
    ...(kind !== DEFAULT_KIND && { required: ['kind', 'payload'] }),
  })),
};

/** Describes the payload of every kind, and any JSON value. */
export function registerKindSchemas(app: App): void {
  const registry = app.openAPIRegistry;
  registry.registerComponent('schemas', 'JsonValue', JSON_VALUE as object);
  for (const kind of KIND_NAMES) registry.register(componentOf(kind), kindOf(kind).payload);
}
