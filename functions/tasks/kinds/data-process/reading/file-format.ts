import { PermanentError } from '../../../define-task.ts';
import type { OpenArtifact } from '../../../task-artifacts.ts';
import type { Format } from '../table/formats.ts';

const BY_MEDIA_TYPE: Readonly<Record<string, Format>> = {
  'text/csv': 'csv',
  'text/tab-separated-values': 'csv',
  'application/x-ndjson': 'ndjson',
  'application/ndjson': 'ndjson',
  'application/jsonl': 'ndjson',
  'application/json': 'json',
};

const BY_ENDING: Readonly<Record<string, Format>> = {
  csv: 'csv',
  tsv: 'csv',
  ndjson: 'ndjson',
  jsonl: 'ndjson',
  json: 'json',
};

/**
 * Returns the format of a file by its media type, or else by its name.
 *
 * @throws PermanentError `format_unknown`
 */
export function formatOf({ mediaType, name }: Pick<OpenArtifact, 'mediaType' | 'name'>): Format {
  const format = BY_MEDIA_TYPE[essence(mediaType)] ?? BY_ENDING[endingOf(name)];
  if (format) return format;
  throw new PermanentError(
    'format_unknown',
    `Neither the media type ${mediaType} nor the name ${name} tells the format: give \`format\``,
    { details: { media_type: mediaType, name } },
  );
}

/** Returns the delimiter of a CSV file for which none was given. */
export function delimiterOf({ mediaType, name }: Pick<OpenArtifact, 'mediaType' | 'name'>): string {
  return essence(mediaType) === 'text/tab-separated-values' || endingOf(name) === 'tsv' ? '\t' : ',';
}

/** A media type without its parameters. */
const essence = (mediaType: string) => mediaType.split(';', 1)[0] ?? '';

const endingOf = (name: string) => /\.([a-z]+)(?:\.gz)?$/.exec(name.toLowerCase())?.[1] ?? '';
