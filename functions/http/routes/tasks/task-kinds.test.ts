import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { KIND_NAMES, kindOf } from '../../../tasks/kinds/registry.ts';
import { createApp } from '../../app/app.ts';
import { registerTaskKindRoutes } from './task-kinds.ts';

type Listed = { kind: string; payload_schema: object; example: unknown; is_default: boolean };

const app = createApp(() => {});
registerTaskKindRoutes(app);
const response = await app.request('/api/task-kinds/');
const { results } = (await response.json()) as { results: Listed[] };

test('every kind is listed, and one of them is the default', () => {
  expect(response.status).toBe(200);
  expect(results.map(({ kind }) => kind)).toEqual(KIND_NAMES);
  expect(results.filter(({ is_default }) => is_default).map(({ kind }) => kind)).toEqual(['data.process']);
});

test.each(results)('$kind is listed with its texts, form, limits and retries', (listed) => {
  const kind = kindOf(listed.kind);
  const { base, factor, cap, jitter, neverRetry, maxRetries } = kind?.retry ?? {};
  expect(listed).toMatchObject({
    label: kind?.label,
    description: kind?.description,
    form: kind?.form,
    limits: { soft_seconds: kind?.softSeconds, hard_seconds: kind?.hardSeconds },
    max_retries: maxRetries,
    retry: { base_seconds: base, factor, cap_seconds: cap, jitter, never_retry: [...(neverRetry ?? [])] },
  });
});

describe.each(results)('the schema of $kind', ({ kind, payload_schema, example }) => {
  const accepts = new Ajv2020({ strict: false, validateFormats: false }).compile(payload_schema);

  test('accepts the example, as the kind does', () => {
    expect(accepts(example)).toBe(true);
    expect(kindOf(kind)?.payload.safeParse(example).success).toBe(true);
  });

  test('refuses an unknown member, as the kind does', () => {
    const payload = { ...(example as object), unknown: 1 };
    expect(accepts(payload)).toBe(false);
    expect(kindOf(kind)?.payload.safeParse(payload).success).toBe(false);
  });
});

test('the schema refuses payloads that the kind refuses', () => {
  const of = (kind: string) => {
    const schema = results.find((each) => each.kind === kind)?.payload_schema ?? {};
    return new Ajv2020({ strict: false, validateFormats: false }).compile(schema);
  };
  expect(of('http.request')({})).toBe(false);
  expect(of('http.request')({ url: 'https://example.com/', method: 'GET', body: 1 })).toBe(false);
  expect(of('http.request')({ url: 'https://example.com/', method: 'POST', body: { deep: [1, null] } })).toBe(
    true,
  );
  expect(of('data.process')({ records: [], csv: 'a' })).toBe(false);
});
