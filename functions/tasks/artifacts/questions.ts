import * as z from 'zod';
import type { ContentAddress } from './bucket.ts';

/*
 * Questions of a handler to the worker about artifacts. The worker has the database and the credentials; the handler gets addresses,
 * each for one object. So content never passes through the worker of an isolated handler.
 */

/** Bytes of one part. All parts but the last have so many. */
export const ARTIFACT_PART_BYTES = 8 * 1024 * 1024;

const id = z.uuid();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const file = { name: z.string().max(10_000), mediaType: z.string().max(10_000) };

export const artifactQuestion = z.discriminatedUnion('ask', [
  z.strictObject({ ask: z.literal('open'), id: z.string().max(1_000) }),
  /** For a content that is known as a whole. */
  z.strictObject({ ask: z.literal('put'), ...file, bytes: z.int().min(0), sha256 }),
  z.strictObject({ ask: z.literal('stored'), id }),
  /** For a content that comes in parts. */
  z.strictObject({ ask: z.literal('begin'), ...file }),
  z.strictObject({ ask: z.literal('part'), id, bytes: z.int().min(1).max(ARTIFACT_PART_BYTES), sha256 }),
  z.strictObject({
    ask: z.literal('complete'),
    id,
    sha256,
    etags: z.array(z.string().regex(/^"?[\w-]{1,100}"?$/)).max(10_000),
  }),
  z.strictObject({ ask: z.literal('abort'), id }),
]);

export type ArtifactQuestion = z.infer<typeof artifactQuestion>;

export type ArtifactAnswers = {
  open: { name: string; mediaType: string; bytes: number; sha256: string; url: string };
  put: { id: string } & ContentAddress;
  stored: null;
  begin: { id: string };
  part: ContentAddress;
  complete: null;
  abort: null;
};

/** Asks the worker. @throws PermanentError or RetryError, as documented at `TaskArtifacts` */
export type AskArtifacts = <Question extends ArtifactQuestion>(
  question: Question,
) => Promise<ArtifactAnswers[Question['ask']]>;
