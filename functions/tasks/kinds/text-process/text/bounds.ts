/* Bounds of `text.process`. Lengths of texts are UTF-16 code units where nothing else is said: it is what a string's `length` counts. */

export const MAX_OPERATIONS = 10;

/** Longest body of an answer, when the text is at a URL. */
export const MAX_URL_BYTES = 16 * 1024 * 1024;

/** Longest text, in bytes of UTF-8, that is returned in the result. A longer text becomes an artifact. */
export const MAX_INLINE_BYTES = 65_536;

export const MAX_PATTERN = 1_000;

/** Longest program that RE2 makes of a pattern. Each character of the text may cost so many steps. */
export const MAX_PROGRAM = 10_000;

export const MAX_GROUPS = 50;

export const MAX_REPLACEMENT = 10_000;

/** References to groups in one replacement. Each may stand for a match of the longest length. */
export const MAX_REFERENCES = 50;

/** Longest match that is certainly found: how far the search looks ahead. */
export const MAX_MATCH = 65_536;

/** Matches that `extract` keeps, at most and by default. */
export const MAX_MATCHES = 1_000_000;
export const DEFAULT_MATCHES = 10_000;

/** Text that is examined at once, besides what the search looks ahead. */
export const WINDOW = 262_144;

/** Distinct terms that are counted exactly. */
export const MAX_TERMS = 100_000;

/** Longer words are not counted as keywords. */
export const MAX_WORD = 100;

export const MAX_TOP = 1_000;

export const MAX_NGRAM = 3;

/** Beginning of the text by which its language is detected. */
export const LANGUAGE_SAMPLE = 65_536;

/** Beginning of the bytes by which their encoding is detected. */
export const ENCODING_SAMPLE = 65_536;

/** Longest text that an operation takes that needs a whole one: `diff`, `html_to_text` and `render`. */
export const MAX_WHOLE = { diff: 4_194_304, html_to_text: 2_097_152, render: 262_144 } as const;

/** Lines that are removed or added in one `diff`. */
export const MAX_EDITS = 2_000;

export const MAX_HTML_DEPTH = 200;

/** Elements that one `render` evaluates, each time that it does. */
export const MAX_RENDER_STEPS = 200_000;

/** Characters and elements that the filters and ranges of one `render` make. */
export const MAX_RENDER_MEMORY = 16_000_000;

/** Longest text that one `render` makes. */
export const MAX_RENDERED = 16_777_216;
