import { textFault } from '../../../json-fault.ts';
import { withoutSecretParameters } from '../../secret-names.ts';

/**
 * Headers that describe the answer. All others are left out: cookies, challenges and headers of a server's own may hold secrets.
 */
const KEPT = [
  'age',
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-length',
  'content-range',
  'content-type',
  'date',
  'etag',
  'expires',
  'last-modified',
  'link',
  'location',
  'retry-after',
  'server',
  'vary',
  'x-request-id',
  'x-ratelimit-limit',
  'x-ratelimit-remaining',
  'x-ratelimit-reset',
] as const;

const MAX_VALUE_CHARACTERS = 1_000;

/** @returns the headers of `KEPT` that are present, each value cut after 1,000 characters, URLs without secrets */
export function headersToKeep(headers: Readonly<Record<string, string>>): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of KEPT) {
    const value = withoutSecretParameters(headers[name] ?? '')
      .slice(0, MAX_VALUE_CHARACTERS)
      .toWellFormed();
    if (headers[name] !== undefined && textFault(value) === undefined) kept[name] = value;
  }
  return kept;
}
