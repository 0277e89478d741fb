import { JsonText } from '../../exact-json/json-text.ts';
import { type Path, scanJson } from '../../exact-json/scan-json.ts';
import { HIDDEN, SAYS_SECRET, withoutSecretParameters } from '../secret-names.ts';
import type { Task } from '../task.ts';

/** Headers whose values are never secret. Any other header may carry a secret, whatever its name. */
const OPEN_HEADERS = new Set([
  'accept',
  'accept-language',
  'cache-control',
  'content-language',
  'content-type',
  'if-modified-since',
  'if-none-match',
  'idempotency-key',
  'prefer',
  'range',
  'user-agent',
]);

/** Quick test. Most payloads do not match, and are not scanned. */
const MAY_HIDE = /"headers"|auth|cookie|credential|passw|passphrase|secret|sig|token|key|pwd|x-amz-|\\u|%/i;

/**
 * Returns the task as the principal may see it. A member who may write can run a task again with its secrets, so the secrets are
 * shown. A viewer cannot, so secrets in the payload are hidden.
 *
 * @param viewed organizations in which the principal is a viewer
 */
export function asVisible(task: Task, viewed: ReadonlySet<string>): Task {
  if (task.payload === null || !viewed.has(task.organizationId)) return task;
  return { ...task, payload: withoutSecrets(task.payload) };
}

/** Replaces every value of the payload that may be a secret by its place. The rest of the text stays as the caller wrote it. */
export function withoutSecrets(payload: JsonText): JsonText {
  const { text } = payload;
  if (!MAY_HIDE.test(text)) return payload;
  const hidden: { start: number; end: number; by: string }[] = [];
  scanJson(text, {
    onMember(path, start, end) {
      const by = replacement(path, text.slice(start, end));
      if (by !== undefined) hidden.push({ start, end, by });
    },
  });
  if (hidden.length === 0) return payload;
  let written = '';
  let from = 0;
  // An object is reported after its members, although it contains them. Only the outermost replacement counts.
  for (const { start, end, by } of hidden.toSorted(
    (one, other) => one.start - other.start || other.end - one.end,
  )) {
    if (start < from) continue;
    written += text.slice(from, start) + by;
    from = end;
  }
  return new JsonText(written + text.slice(from));
}

/** Returns the JSON to put in place of a member; undefined when the member is not a secret. */
function replacement(path: Path, source: string): string | undefined {
  const name = String(path.at(-1));
  const isHeader = path.at(-2) === 'headers';
  if (isHeader ? !OPEN_HEADERS.has(name.toLowerCase()) : SAYS_SECRET.test(name))
    return JSON.stringify(HIDDEN);
  if (!/^"https?:/i.test(source) || !source.includes('?')) return undefined;
  const value: string = JSON.parse(source);
  const visible = withoutSecretParameters(value);
  return visible === value ? undefined : JSON.stringify(visible);
}
