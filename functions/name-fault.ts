import type * as z from 'zod';

/** Scripts in which a joiner or non-joiner changes the shape of letters. */
const JOINING =
  'Arabic Syriac Mandaic Nko Adlam Mongolian Phags_Pa Devanagari Bengali Gurmukhi Gujarati Oriya Tamil Telugu Kannada Malayalam Sinhala Tibetan Myanmar Khmer'
    .split(' ')
    .map((script) => `\\p{scx=${script}}`)
    .join('');

const EMOJI = '\\p{Extended_Pictographic}\\p{Emoji_Modifier}\\uFE0F\\u20E3';

/**
 * Invisible characters in places where they have a meaning: joiners inside an emoji or after a letter of a script that
 * needs them, variation selectors after a character, and the letters of a flag's region.
 */
const MEANINGFUL = new RegExp(
  `(?<=[${EMOJI}])\\u200D(?=\\p{Extended_Pictographic})|(?<=(?=[\\p{L}\\p{M}])[${JOINING}])[\\u200C\\u200D]` +
    '|(?<=[^\\p{Z}\\p{C}\\p{DI}])[\\uFE00-\\uFE0F\\u{E0100}-\\u{E01EF}\\u180B-\\u180D\\u180F]' +
    '|(?<=\\u{1F3F4})[\\u{E0020}-\\u{E007E}]+\\u{E007F}',
  'gu',
);

const CONTROL = /\p{Cc}/u;
const LINE_END = /[\u2028\u2029]/;
const DIRECTION = /\p{Bidi_Control}/u;
const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\u{FFF9}-\u{FFFB}]/u;
/** The blank of Braille is a symbol, but an invisible one. */
const VISIBLE = /(?!\u2800)[\p{L}\p{N}\p{P}\p{S}\p{Co}]/u;

/**
 * Returns the rule that a name breaks, or undefined. Names are shown in lists, so a name must be one visible line that
 * cannot imitate another name: characters that are invisible or that change the direction of text make two names look
 * alike.
 */
export function nameFault(name: string): string | undefined {
  if (CONTROL.test(name) || LINE_END.test(name)) return 'Must be one line, without control characters';
  if (DIRECTION.test(name)) return 'Must not contain characters that set the direction of text';
  if (INVISIBLE.test(name.replace(MEANINGFUL, ''))) return 'Must not contain invisible characters';
  if (name !== '' && !VISIBLE.test(name)) return 'Must not be blank';
  return undefined;
}

/** Checks a name in a schema, by `nameFault`: `z.string().superRefine(readableName)`. */
export function readableName(name: string, issues: z.RefinementCtx): void {
  const fault = nameFault(name);
  if (fault !== undefined) issues.addIssue(fault);
}
