import * as z from 'zod';
import type { App } from './app.ts';

const secrets = z.registry<object>();

/**
 * Declares a field of an answer that gives access by itself: a ticket, a token, a signed URL. Answers with such a field
 * are never stored. Call this last: a schema that is derived from the returned schema is not registered.
 */
export function secret<Schema extends z.ZodType>(schema: Schema): Schema {
  secrets.add(schema as z.ZodType, {});
  return schema;
}

/** Returns the POST routes whose answers contain a secret, as paths of the router. */
export function secretRoutes(app: App): ReadonlySet<string> {
  const paths = app.openAPIRegistry.definitions.flatMap((definition) => {
    if (definition.type !== 'route' || definition.route.method !== 'post') return [];
    const { path, responses } = definition.route;
    const bodies = Object.values(responses).flatMap((response) =>
      'content' in response ? Object.values(response.content ?? {}) : [],
    );
    const hasSecret = bodies.some(
      (body) => body && 'schema' in body && body.schema instanceof z.ZodType && holdsSecret(body.schema),
    );
    return hasSecret ? [path.replace(/\{(\w+)\}/g, ':$1')] : [];
  });
  return new Set(paths);
}

function holdsSecret(schema: z.ZodType): boolean {
  if (secrets.has(schema)) return true;
  if (schema instanceof z.ZodObject)
    return Object.values(schema.shape).some((field) => holdsSecret(field as z.ZodType));
  if (schema instanceof z.ZodArray) return holdsSecret(schema.element as z.ZodType);
  if (schema instanceof z.ZodUnion) return schema.options.some((option) => holdsSecret(option as z.ZodType));
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault)
    return holdsSecret(schema.unwrap() as z.ZodType);
  return false;
}
