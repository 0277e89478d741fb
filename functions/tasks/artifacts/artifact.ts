import * as z from 'zod';
import { name } from '../../text-rules.ts';
import type { ArtifactsFull } from '../store/index.ts';

/** Upper bound of an artifact in bytes. S3 takes at most 5 GiB in one PUT. */
export const MAX_ARTIFACT_BYTES = 5_000_000_000;

/** Seconds for which an address of an artifact is valid: for an upload, for a download, and for the longest attempt. */
export const ADDRESS_SECONDS = 900;

export const artifactKey = (id: string) => `artifacts/${id}`;

const MAX_MEDIA_TYPE = 127;
const TOKEN = '[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*';

/** Type and subtype, and parameters that need no quotes. */
const MEDIA_TYPE = new RegExp(`^${TOKEN}/${TOKEN}(?:; ?${TOKEN}=${TOKEN})*$`);

export const ArtifactName = name(255)
  .refine((given) => !/[/\\]/.test(given), 'Must not contain / or \\')
  .describe('File name: 1 to 255 characters in one line, without / and \\');

export const MediaType = z
  .string()
  .max(MAX_MEDIA_TYPE)
  .regex(MEDIA_TYPE, 'Must be a media type, such as text/csv')
  .toLowerCase()
  .meta({ pattern: MEDIA_TYPE.source, maxLength: MAX_MEDIA_TYPE })
  .describe('Such as `text/csv`');

export const Sha256 = z
  .string()
  .regex(/^[0-9a-fA-F]{64}$/, 'Must be a SHA-256: 64 hexadecimal digits')
  .toLowerCase()
  .meta({ pattern: '^[0-9a-fA-F]{64}$' });

/** Returns why an organization has no place for an artifact, with the limit and the use. */
export function artifactsFullMessage({ code, limit, used }: ArtifactsFull): string {
  const what = code === 'too_many_artifacts' ? 'artifacts' : 'bytes of artifacts';
  const removed = 'A deleted artifact counts until it is removed, up to half an hour after its creation';
  return `The organization has ${used} ${what} and may have ${limit}; delete some, or wait until some expire. ${removed}`;
}
