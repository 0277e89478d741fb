import * as z from 'zod';
import { parseTarget } from '../../../fetch/target.ts';
import { textFault } from '../../../json-fault.ts';
import { STORABLE } from '../../../text-rules.ts';
import { artifactId } from '../../artifacts/artifact-id.ts';
import { defineKind } from '../../define-task.ts';
import { COUNTED } from './steps/counted.ts';
import { STOP_WORD_LISTS } from './steps/stop-word-languages.ts';
import {
  DEFAULT_MATCHES,
  MAX_MATCHES,
  MAX_NGRAM,
  MAX_OPERATIONS,
  MAX_PATTERN,
  MAX_REPLACEMENT,
  MAX_TOP,
} from './text/bounds.ts';

const TITLES = { text: 'Inline', artifact: 'Artifact', url: 'URL' } as const;

const encoding = z
  .string()
  .max(40)
  .refine(
    (label) => label === 'detect' || isEncoding(label),
    'Must be a label of the WHATWG Encoding Standard, or detect',
  )
  .optional()
  .describe(
    'A label of the WHATWG Encoding Standard such as windows-1252 or shift_jis, or `detect`. Default: the charset of the media type, else UTF-8.',
  );

const anyText = z
  .string()
  .superRefine((text, issues) => {
    const fault = textFault(text);
    if (fault !== undefined) issues.addIssue({ code: 'custom', message: fault });
  })
  .meta({ pattern: STORABLE.source });

const PLACES = {
  text: anyText.optional(),
  artifact: artifactId().optional(),
  url: z
    .string()
    .max(8_192)
    .superRefine(checkUrl)
    .meta({ format: 'uri', pattern: '^[Hh][Tt][Tt][Pp][Ss]?:[^\\x00-\\x20\\x7f-\\xa0]+$' })
    .optional()
    .describe('Absolute, http or https, without credentials. Public addresses only.'),
};

type Place = keyof typeof PLACES;

/** Returns the schema of a text that is in one of some places. A text in the payload has no encoding. */
function textIn<Allowed extends Place>(allowed: readonly Allowed[]) {
  const shape = Object.fromEntries(allowed.map((place) => [place, PLACES[place]])) as Pick<
    typeof PLACES,
    Allowed
  >;
  const without = (places: readonly string[]) => Object.fromEntries(places.map((place) => [place, false]));
  return z
    .strictObject({ ...shape, encoding })
    .superRefine((given: Readonly<Record<string, unknown>>, issues) => {
      const places = allowed.filter((place) => given[place] !== undefined);
      if (places.length !== 1) {
        const message = `Give exactly one of ${allowed.join(', ')}`;
        issues.addIssue({ code: 'custom', path: places.slice(1, 2), message });
      }
      if (places[0] === 'text' && given.encoding !== undefined) {
        issues.addIssue({
          code: 'custom',
          path: ['encoding'],
          message: 'Only together with artifact or url',
        });
      }
    })
    .meta({
      oneOf: allowed.map((place) => ({
        title: TITLES[place],
        properties: without([
          ...allowed.filter((other) => other !== place),
          ...(place === 'text' ? ['encoding'] : []),
        ]),
        required: [place],
      })),
    });
}

const FLAGS = /^(?!.*(.).*\1)[ims]*$/;

const search = {
  pattern: anyText
    .min(1)
    .max(MAX_PATTERN)
    .describe('A pattern in the syntax of RE2: linear time, without lookaround and backreferences.'),
  flags: z
    .string()
    .regex(FLAGS, 'Must be of the letters i, m and s, each at most once')
    .default('')
    .meta({ pattern: '^[ims]{0,3}$' })
    .describe('i: upper and lower case are equal; m: ^ and $ match at lines; s: a dot matches line ends.'),
  literal: z.boolean().default(false).describe('The pattern is a plain text, not a pattern.'),
};

const operation = z.discriminatedUnion('op', [
  z.strictObject({
    op: z.literal('count'),
    of: z
      .array(z.enum(COUNTED))
      .min(1)
      .max(COUNTED.length)
      .refine((given) => new Set(given).size === given.length, 'Must not name a count twice')
      .meta({ uniqueItems: true })
      .default([...COUNTED])
      .describe('What to count. Bytes are those of UTF-8.'),
  }),
  z.strictObject({ op: z.literal('language') }),
  z.strictObject({
    op: z.literal('keywords'),
    ngram: z.int().min(1).max(MAX_NGRAM).default(1).describe('Words of one term.'),
    top: z.int().min(1).max(MAX_TOP).default(20).describe('Terms to return.'),
    min_length: z
      .int()
      .min(1)
      .max(20)
      .default(2)
      .describe('Characters of the shortest word, in UTF-16 code units.'),
    stop_words: z
      .enum(['none', ...Object.keys(STOP_WORD_LISTS)])
      .optional()
      .describe(
        'Language of the words that are not counted. Default: `language`, if there is a list for it.',
      ),
  }),
  z.strictObject({
    op: z.literal('replace'),
    ...search,
    replacement: anyText
      .max(MAX_REPLACEMENT)
      .describe(
        '$1 to $99 and $<name> stand for groups, $& for the match, $$ for a dollar sign. With `literal`, a plain text.',
      ),
    limit: z.int().min(1).optional().describe('Replacements at most. Default: all.'),
  }),
  z.strictObject({
    op: z.literal('extract'),
    ...search,
    limit: z
      .int()
      .min(1)
      .max(MAX_MATCHES)
      .default(DEFAULT_MATCHES)
      .describe('Matches to keep. All are counted.'),
  }),
  z.strictObject({
    op: z.literal('diff'),
    with: textIn(['text', 'artifact']).describe('The text to compare with: the newer one.'),
    context: z.int().min(0).max(100).default(3).describe('Unchanged lines around a change.'),
  }),
  z.strictObject({
    op: z.literal('html_to_text'),
    links: z.boolean().default(true).describe('Addresses of links stand behind their texts.'),
    wrap: z.int().min(20).max(1_000).optional().describe('Longest line. Default: lines are not wrapped.'),
  }),
  z.strictObject({
    op: z.literal('render'),
    variables: z
      .record(z.string(), z.unknown())
      .default({})
      .describe('Values for the Liquid template, which is the text.'),
    strict: z.boolean().default(true).describe('A missing variable is an error; otherwise it is empty.'),
    escape: z.enum(['html', 'none']).default('none').describe('html: values are escaped for HTML.'),
  }),
]);

const payload = z.strictObject({
  source: textIn(['text', 'artifact', 'url']).describe('The text.'),
  normalize: z.enum(['NFC']).optional().describe('Unicode normalization before the first operation.'),
  language: z
    .string()
    .max(35)
    .refine(isLanguage, 'Must be a language tag of BCP 47, such as en or pt-BR')
    .default('en')
    .describe('Language of the text (BCP 47), for words, sentences and stop words.'),
  operations: z
    .array(operation)
    .min(1)
    .max(MAX_OPERATIONS)
    .describe('In this order. `replace`, `html_to_text` and `render` change the text for those behind them.'),
  output: z
    .enum(['auto', 'artifact', 'none'])
    .default('auto')
    .describe(
      'Where the last text goes. auto: into the result when it was changed, as an artifact when it is long.',
    ),
});

export type TextProcessPayload = z.output<typeof payload>;
export type TextPlace = { readonly [place in Place | 'encoding']?: string | undefined };
export type Operation = TextProcessPayload['operations'][number];

function isEncoding(label: string): boolean {
  try {
    return new TextDecoder(label) !== undefined;
  } catch {
    return false;
  }
}

function isLanguage(tag: string): boolean {
  try {
    return Intl.getCanonicalLocales(tag).length === 1;
  } catch {
    return false;
  }
}

function checkUrl(url: string, issues: z.RefinementCtx): void {
  try {
    parseTarget(url);
  } catch (error) {
    issues.addIssue({ code: 'custom', message: error instanceof Error ? error.message : 'Not a URL' });
  }
}

/** Counts, searches and changes a text. */
export default defineKind({
  kind: 'text.process',
  label: 'Process text',
  description:
    'Counts, searches, compares and changes a text of any length: words, language, keywords, RE2 patterns, HTML, Liquid.',
  example: {
    source: { text: 'Order 17 is late. Order 23 is not.' },
    operations: [
      { op: 'count', of: ['words', 'sentences'] },
      { op: 'replace', pattern: 'Order (\\d+)', replacement: '#$1' },
    ],
  },
  form: { source: { input: 'json' }, operations: { input: 'json' } },
  payload,
  limits: { soft: '5m', hard: '6m' },
  // The same text with the same pattern takes as long again.
  retry: { neverRetry: ['soft_limit_exceeded', 'hard_limit_exceeded'] },
});
