import { createRoute } from '@hono/zod-openapi';
import * as z from 'zod';
import { JSON_VALUE } from '../../../json-schema.ts';
import type { Kind } from '../../../tasks/define-task.ts';
import { DEFAULT_KIND, KIND_NAMES, kindOf } from '../../../tasks/kinds/registry.ts';
import type { App } from '../../app/app.ts';
import { answer, problems, secured } from '../../app/describe.ts';
import { LimitsView, RetryView } from './task-view.ts';

const TaskKindView = z
  .object({
    kind: z.string().describe('Value for `kind` of a task'),
    label: z.string().describe('Short name to display'),
    description: z.string().describe('One sentence to display'),
    is_default: z.boolean().describe('True for the kind of tasks that name no kind'),
    payload_schema: z
      .record(z.string(), z.unknown())
      .describe('JSON Schema (draft 2020-12) of the payload, without external references'),
    example: z.record(z.string(), z.unknown()).nullable().describe('Example payload'),
    form: z
      .record(z.string(), z.object({ input: z.enum(['lines', 'json', 'file']) }))
      .describe('Form inputs for fields of the payload whose schema does not tell the input'),
    limits: LimitsView.describe('Limits of one attempt. A task can override them'),
    max_retries: z.int().describe('Retries after the first attempt. A task can override it'),
    retry: RetryView.describe('Retry policy. A task can override it'),
  })
  .meta({ id: 'TaskKind' });

const list = createRoute({
  path: '/api/task-kinds',
  method: 'get',
  operationId: 'listTaskKinds',
  summary: 'List the kinds of tasks',
  ...secured('Tasks'),
  responses: {
    200: answer('All kinds, ordered by name', z.object({ results: z.array(TaskKindView) })),
    ...problems(401),
  },
});

/** Registers the list of kinds, for forms and clients. The list is made at the first request. */
export function registerTaskKindRoutes(app: App): void {
  let results: z.infer<typeof TaskKindView>[] | undefined;
  app.openapi(list, (c) => {
    results ??= KIND_NAMES.map((name) => taskKindView(kindOf(name)));
    return c.json({ results }, 200);
  });
}

function taskKindView(kind: Kind): z.infer<typeof TaskKindView> {
  const { base, factor, cap, jitter, neverRetry, maxRetries } = kind.retry;
  return {
    kind: kind.kind,
    label: kind.label,
    description: kind.description,
    is_default: kind.kind === DEFAULT_KIND,
    payload_schema: payloadSchema(kind),
    example: (kind.example ?? null) as Record<string, unknown> | null,
    form: kind.form,
    limits: { soft_seconds: kind.softSeconds, hard_seconds: kind.hardSeconds },
    max_retries: maxRetries,
    retry: { base_seconds: base, factor, cap_seconds: cap, jitter, never_retry: [...neverRetry] },
  };
}

/**
 * Returns the payload's schema as a document of its own. The API's document defines "any JSON value" once, so this schema
 * gets a copy of that definition.
 */
function payloadSchema({ payload }: Kind): Record<string, unknown> {
  const schema = z.toJSONSchema(payload, { io: 'input', unrepresentable: 'any' });
  const text = JSON.stringify({ ...schema, $defs: { JsonValue: JSON_VALUE } });
  return JSON.parse(text.replaceAll('#/components/schemas/JsonValue', '#/$defs/JsonValue'));
}
