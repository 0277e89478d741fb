import * as z from 'zod';
import { artifactQuestion } from '../../artifacts/questions.ts';
import { type Json, LOG_LEVELS } from '../../define-task.ts';
import { FIELDS_BYTES, MAX_LINES, MESSAGE_CHARACTERS, NOTE_CHARACTERS } from '../../handler-output.ts';
import { inputQuestion } from '../../inputs/questions.ts';
import { clean } from '../../result.ts';
import { MAX_HOST_CHARACTERS } from './in-turn.ts';
import type { FromRunner } from './protocol.ts';

const run = z.number();
const count = z.int().min(0);
const stored = (characters: number) => z.string().max(characters).transform(clean);
/** Any values are accepted. They are made to fit the row when the attempt is settled. */
const details = z.record(z.string(), z.custom<Json>());

/** Larger than the limit for a handler, because a list of fields becomes an object with a name for each. */
const MAX_FIELDS_BYTES = 8 * FIELDS_BYTES;

const fields = z
  .record(z.string(), z.unknown())
  .transform((given) => clean(JSON.stringify(given)))
  .refine((text) => Buffer.byteLength(text) <= MAX_FIELDS_BYTES)
  .transform((text): Record<string, unknown> => JSON.parse(text));

const output = z.strictObject({
  progress: z
    .strictObject({
      fraction: z.number().min(0).max(1),
      note: stored(NOTE_CHARACTERS).nullable(),
      at: z.iso.datetime(),
    })
    .nullable(),
  lines: z
    .array(
      z.strictObject({
        at: z.iso.datetime(),
        level: z.enum(LOG_LEVELS),
        message: stored(MESSAGE_CHARACTERS),
        fields: fields.exactOptional(),
      }),
    )
    .max(MAX_LINES),
  leftOut: count,
});

const meant = { code: z.string(), message: z.string() };

const thrown = z.discriminatedUnion('as', [
  z.strictObject({ as: z.literal('permanent'), ...meant, details }),
  z.strictObject({ as: z.literal('retry'), ...meant, details, afterSeconds: z.number() }),
  z.strictObject({
    as: z.literal('aborted'),
    code: z.enum(['soft_limit_exceeded', 'cancelled', 'lease_lost']),
    message: z.string(),
  }),
  z.strictObject({ as: z.literal('other'), name: z.string(), message: z.string(), stack: z.string() }),
]);

const message = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('ready') }),
  z.strictObject({ type: z.literal('output'), run, output }),
  z.strictObject({ type: z.literal('turn'), run, host: z.string().max(MAX_HOST_CHARACTERS) }),
  z.strictObject({ type: z.literal('artifact'), run, question: artifactQuestion }),
  z.strictObject({ type: z.literal('input'), run, question: inputQuestion }),
  z.strictObject({ type: z.literal('returned'), run, result: z.string() }),
  z.strictObject({ type: z.literal('threw'), run, thrown }),
  z.strictObject({ type: z.literal('ending'), message: z.string() }),
]) satisfies z.ZodType<FromRunner>;

/**
 * Checks a message of a runner. The code in a runner may be hostile, so nothing in a message is trusted before the check.
 *
 * @returns undefined when one of our runners would not send it
 */
export function readMessage(given: unknown): FromRunner | undefined {
  try {
    return message.safeParse(given).data;
  } catch {
    // The fields are not JSON, or are nested too deeply to be read.
    return undefined;
  }
}
