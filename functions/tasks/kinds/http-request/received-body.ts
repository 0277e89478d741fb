import { exactFault } from '../../../exact-json/exact-fault.ts';
import type { BodyDamage, FetchResponse } from '../../../fetch/port.ts';
import { jsonFault } from '../../../json-fault.ts';
import type { Json } from '../../define-task.ts';

/** A body in the form of a result. */
export type ReceivedBody = {
  readonly body: string;
  /** `text`: `body` is the text. `base64`: the body is not UTF-8 text, or contains NUL. */
  readonly body_encoding: 'text' | 'base64';
  /** True when the body was longer than `max_response_bytes`, or longer than a result can be. */
  readonly truncated: boolean;
  /** Why the body could not be decompressed to its end. `unknown_encoding`: the body is kept as received. */
  readonly body_damage?: BodyDamage;
  /**
   * The body parsed as JSON. Present only when the body is declared as JSON, is complete, can be stored, and loses nothing by
   * parsing.
   */
  readonly json?: Json;
};

type Answer = Pick<FetchResponse, 'headers' | 'body' | 'truncated' | 'damage'>;

const JSON_TYPE = /^application\/(?:[\w.!#$&^-]+\+)?json\s*(?:;|$)/i;
const CHARSET = /;\s*charset\s*=\s*"?([\w:.-]+)"?/i;
const EXCERPT_CHARACTERS = 500;

/**
 * @param maxBytes of the returned object as JSON. First `json` is left out, because `body` contains it too, then the end of
 *   `body`
 */
export function bodyOf(answer: Answer, maxBytes: number): ReceivedBody {
  const { headers, body, truncated, damage } = answer;
  const mark = damage !== undefined && { body_damage: damage };
  const text = textOf(answer);
  if (text === undefined) {
    const kept = Buffer.from(body).subarray(0, Math.floor((maxBytes / 4) * 3) - FRAME_BYTES);
    const cut = kept.length < body.length;
    return { body: kept.toString('base64'), body_encoding: 'base64', truncated: truncated || cut, ...mark };
  }
  const kept = cutToFit(text, maxBytes - FRAME_BYTES);
  const whole: ReceivedBody = {
    body: kept,
    body_encoding: 'text',
    truncated: truncated || kept !== text,
    ...mark,
  };
  const isJson = !whole.truncated && JSON_TYPE.test(headers['content-type'] ?? '');
  const json = isJson ? jsonOf(text) : undefined;
  return json !== undefined && jsonBytes({ ...whole, json }) <= maxBytes ? { ...whole, json } : whole;
}

/** Bytes for the names and braces around a body. */
const FRAME_BYTES = 128;

export function jsonBytes(value: Json): number {
  return Buffer.byteLength(JSON.stringify(value));
}

/** Returns roughly the longest beginning that takes at most `maxBytes` as JSON. Escapes make a text up to six times as long. */
function cutToFit(text: string, maxBytes: number): string {
  let kept = text;
  for (let bytes = jsonBytes(kept); bytes > maxBytes; bytes = jsonBytes(kept)) {
    kept = kept.slice(0, Math.floor((kept.length * maxBytes) / bytes) - 1).replace(/[\uD800-\uDBFF]$/, '');
  }
  return kept;
}

/** Returns the beginning of a text, for an error's details; empty for a body that is not text. */
export function excerptOf(answer: Answer): string {
  const text = textOf(answer) ?? '';
  return text.slice(0, EXCERPT_CHARACTERS).toWellFormed();
}

/** @returns undefined for bytes that are not text in the declared encoding, by default UTF-8 */
function textOf({ headers, body, truncated, damage }: Answer): string | undefined {
  if (damage === 'unknown_encoding') return undefined;
  try {
    const charset = CHARSET.exec(headers['content-type'] ?? '')?.[1] ?? 'utf-8';
    // With `stream`, the decoder holds back half a character at the cut instead of failing.
    const text = new TextDecoder(charset, { fatal: true }).decode(body, { stream: truncated });
    return text.includes('\u0000') ? undefined : text;
  } catch {
    return undefined;
  }
}

function jsonOf(text: string): Json | undefined {
  try {
    const parsed: Json = JSON.parse(text);
    const isExact = jsonFault(parsed) === undefined && exactFault(text) === undefined;
    return isExact ? parsed : undefined;
  } catch {
    return undefined;
  }
}
