/**
 * Headers that a message may set. All others belong to the message itself (`From`, `Subject`, `Content-Type` …), to the servers on
 * its way (`Received`, `Return-Path` …), or control the provider (`X-SES-…`).
 */
export const ALLOWED_HEADERS = [
  'Auto-Submitted',
  'Comments',
  'Feedback-ID',
  'Importance',
  'In-Reply-To',
  'Keywords',
  'List-Archive',
  'List-Help',
  'List-ID',
  'List-Owner',
  'List-Post',
  'Organization',
  'Precedence',
  'Priority',
  'References',
  'Sensitivity',
  'X-Auto-Response-Suppress',
  'X-Entity-Ref-ID',
  'X-Priority',
] as const;

/** Upper bound of a header's value in bytes. A line of a mail has at most 998 (RFC 5322, 2.1.1). */
export const MAX_HEADER_BYTES = 900;

const BY_LOWER_CASE = new Map<string, string>(ALLOWED_HEADERS.map((name) => [name.toLowerCase(), name]));

/** Control characters, and the characters that some programs take for the end of a line. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the rule is about control characters
const CONTROLS = /[\x00-\x1f\x7f-\x9f\u2028\u2029]/;

/** Returns a header's name as it is usually written, or undefined for a header that a message may not set. */
export const allowedHeader = (name: string): string | undefined => BY_LOWER_CASE.get(name.toLowerCase());

/** Returns the rule that a text in a header breaks, or undefined. Without control characters, no text can begin another header. */
export function headerTextFault(text: string): string | undefined {
  if (CONTROLS.test(text)) return 'Must be one line, without control characters';
  if (Buffer.byteLength(text) > MAX_HEADER_BYTES) return `Must have at most ${MAX_HEADER_BYTES} bytes`;
  return undefined;
}
