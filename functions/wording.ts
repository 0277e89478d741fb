import * as z from 'zod';

const TYPES: Record<string, string> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object',
  array: 'a list',
};

const FORMATS: Record<string, string> = {
  uuid: 'a UUID',
  email: 'an email address',
  url: 'a URL',
  datetime: 'an RFC 3339 time',
};

const UNITS: Record<string, string> = { string: 'character', array: 'item' };

/** Returns the message for a broken rule when its schema has none: a sentence about the field. */
function wording(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'Is required' : `Must be ${TYPES[issue.expected] ?? issue.expected}`;
    case 'too_small':
      return `Must ${extent(issue.origin, 'at least', issue.minimum)}`;
    case 'too_big':
      return `Must ${extent(issue.origin, 'at most', issue.maximum)}`;
    case 'invalid_value':
      return oneOf(issue.values);
    // A field that selects one of several shapes.
    case 'invalid_union':
      return Array.isArray(issue.options) ? oneOf(issue.options) : undefined;
    case 'invalid_format':
      return FORMATS[issue.format] && `Must be ${FORMATS[issue.format]}`;
    case 'unrecognized_keys':
      return 'Unknown field';
    default:
      return undefined;
  }
}

function oneOf(values: readonly unknown[]): string {
  return values.length === 1 ? `Must be ${String(values[0])}` : `Must be one of ${values.join(', ')}`;
}

/** Returns `be at least 0`, or `have at most 3 items` for types with a unit. */
function extent(origin: string, how: string, bound: number | bigint): string {
  const unit = UNITS[origin];
  return unit ? `have ${how} ${bound} ${unit}${Number(bound) === 1 ? '' : 's'}` : `be ${how} ${bound}`;
}

z.config({ customError: wording });
