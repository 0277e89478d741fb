import { v7 as uuidv7 } from 'uuid';
import { expect, test } from 'vitest';
import * as z from 'zod';
import { artifactId, withArtifactIds } from './artifact-id.ts';

const [one, other, third] = [uuidv7(), uuidv7(), uuidv7()];

const schema = z.strictObject({
  file: artifactId(),
  more: z.array(artifactId()).optional(),
  from: z.discriminatedUnion('by', [
    z.strictObject({ by: z.literal('artifact'), id: artifactId() }),
    z.strictObject({ by: z.literal('task'), id: z.uuid() }),
  ]),
});

const idsIn = (payload: unknown) => withArtifactIds(() => schema.safeParse(payload));

test('ids are found wherever a schema has them, each once, in lower case', () => {
  const payload = { file: one.toUpperCase(), more: [other, one], from: { by: 'artifact', id: third } };
  const { parsed, artifactIds } = idsIn(payload);
  expect(artifactIds).toEqual([one, other, third]);
  expect(parsed.data).toEqual({ ...payload, file: one });
});

test('an id of something else is none of them', () => {
  expect(idsIn({ file: one, from: { by: 'task', id: other } }).artifactIds).toEqual([one]);
});

test('what is no id breaks a rule of the schema, and is not looked up', () => {
  const { parsed, artifactIds } = idsIn({ file: "' or true", from: { by: 'artifact', id: one } });
  expect([parsed.success, parsed.error?.issues[0]?.message]).toEqual([false, 'Must be a UUID']);
  expect(artifactIds).toEqual([one]);
});

test('ids of one payload are not ids of the next, also after a schema has thrown', () => {
  expect(() =>
    withArtifactIds(() => {
      artifactId().parse(one);
      throw new Error('broken');
    }),
  ).toThrow('broken');
  artifactId().parse(other);
  expect(withArtifactIds(() => artifactId().parse(third)).artifactIds).toEqual([third]);
});

test('the JSON Schema of such a field is that of an id', () => {
  expect(z.toJSONSchema(artifactId())).toMatchObject({
    type: 'string',
    format: 'uuid',
    description: expect.stringContaining('artifact'),
  });
});
