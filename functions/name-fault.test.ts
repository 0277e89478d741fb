import { describe, expect, test } from 'vitest';
import { batchFields } from './http/routes/batches/bulk-request.ts';
import { Registration } from './identity/credentials.ts';
import { OrganizationName } from './organizations/organization.ts';
import { TaskFields } from './tasks/commands/task-fields.ts';

const person = Registration;
const account = { email: 'ada@example.com', password: 'correct horse battery' };

/** The schemas of all names that users see in lists. Each function returns true when its schema accepts the name. */
const accepts: Record<string, (name: string) => boolean> = {
  'a task': (name) => TaskFields.shape.name.safeParse(name).success,
  'a batch': (name) => batchFields.name.safeParse(name).success,
  'an organization': (name) => OrganizationName.safeParse(name).success,
  'a person': (name) => person.safeParse({ ...account, name }).success,
};

const REFUSED: Record<string, string> = {
  'a line separator': 'two\u2028lines',
  'a paragraph separator': 'two\u2029lines',
  'a zero-width space': 'ad\u200Bmin',
  'a joiner between Latin letters': 'ad\u200Dmin',
  'a non-joiner between Latin letters': 'ad\u200Cmin',
  'a joiner before anything': '\u200D👩',
  'a joiner after an emoji, before a letter': '👩\u200Da',
  'a word joiner': 'ad\u2060min',
  'a byte order mark': 'ad\uFEFFmin',
  'a soft hyphen': 'ad\u00ADmin',
  'an override of direction': 'invoice\u202Efdp.exe',
  'an isolate': '\u2066admin\u2069',
  'a right-to-left mark': 'admin\u200F',
  'a Hangul filler': 'ad\u3164min',
  'a combining grapheme joiner': 'a\u034Fb',
  'tag letters without a flag': `admin${'\u{E0061}'}`,
  'an interlinear annotation': 'a\uFFF9b',
  'a variation selector alone': '\uFE0F',
  'joiners alone': '\u200D\u200C',
  'the blank of Braille alone': '\u2800\u2800',
};

const ACCEPTED: Record<string, string> = {
  'a family': '👩‍👩‍👧‍👦 Sunday',
  'a heart on fire': '❤️‍🔥',
  'a profession with a skin tone': '🧑🏽‍🚀',
  'the rainbow flag': '🏳️‍🌈',
  'the flag of Scotland': '🏴󠁧󠁢󠁳󠁣󠁴󠁿',
  'a keycap': '#️⃣1️⃣',
  'Persian with a non-joiner': 'می\u200Cخواهم',
  'Hindi with joiners': 'क्\u200Dष क्\u200Cष',
  'Sinhala with a joiner': 'ශ්\u200Dරී',
  'Malayalam with a joiner': 'ന്\u200D',
  'Arabic and Hebrew': 'مرحبا שלום',
  'letters with combining marks': 'e\u0301 x\u0302',
  'Japanese with a variation selector': '葛\u{E0100}',
  punctuation: '—',
};

for (const [what, accept] of Object.entries(accepts)) {
  describe(`the name of ${what}`, () => {
    for (const [name, text] of Object.entries(REFUSED))
      test(`with ${name} is refused`, () => expect(accept(text)).toBe(false));
    for (const [name, text] of Object.entries(ACCEPTED))
      test(`${name} is taken`, () => expect(accept(text)).toBe(true));
  });
}
