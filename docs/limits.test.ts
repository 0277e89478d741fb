import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { BODY_LIMITS, BULK_LIMITS } from '../functions/http/app/json-body.ts';
import { PAGE_BYTES } from '../functions/http/pages/page.ts';
import { KEY_HOURS } from '../functions/idempotency/store.ts';
import { ACCESS_TOKEN_SECONDS } from '../functions/identity/access-token.ts';
import { MIN_PASSWORD_LENGTH } from '../functions/identity/credentials.ts';
import { REFRESH_TOKEN_DAYS, SESSION_DAYS } from '../functions/identity/refresh-token.ts';
import { ACCOUNT_LIMIT } from '../functions/identity/sessions/limits.ts';
import { MAX_ADDRESS_BYTES } from '../functions/mail/address.ts';
import { MAX_HEADER_BYTES } from '../functions/mail/headers.ts';
import { MAX_ADDED } from '../functions/mail/operations/suppressions.ts';
import {
  INVITATION_DAYS,
  MAX_MEMBERS,
  MAX_MEMBERSHIPS,
  MAX_OPEN_INVITATIONS,
  MAX_OWNED,
} from '../functions/organizations/quotas.ts';
import { MAX_ASSETS_PER_USER, MAX_WATCHED } from '../functions/prices/price.ts';
import { MESSAGE_BURST, MESSAGES_PER_SECOND } from '../functions/realtime/message-rate.ts';
import { MAX_CONNECTIONS, MAX_SUBSCRIPTIONS } from '../functions/realtime/store.ts';
import { TICKET_SECONDS } from '../functions/realtime/tickets.ts';
import { ADDRESS_SECONDS, MAX_ARTIFACT_BYTES } from '../functions/tasks/artifacts/artifact.ts';
import { ARTIFACT_PART_BYTES } from '../functions/tasks/artifacts/questions.ts';
import { MAX_BATCH } from '../functions/tasks/commands/create-batch.ts';
import { LONGEST_LIMIT_SECONDS, secondsOf } from '../functions/tasks/define-task.ts';
import { MAX_UPLOAD_BYTES } from '../functions/tasks/imports/uploads.ts';
import { MAX_LINE_BYTES } from '../functions/tasks/kinds/batch-import/ndjson.ts';
import { MAX_LINE_ENDS, MAX_LINES } from '../functions/tasks/kinds/batch-import/run.ts';
import dataProcess from '../functions/tasks/kinds/data-process/kind.ts';
import * as data from '../functions/tasks/kinds/data-process/table/bounds.ts';
import emailSend, * as email from '../functions/tasks/kinds/email-send/kind.ts';
import httpRequest from '../functions/tasks/kinds/http-request/kind.ts';
import textProcess from '../functions/tasks/kinds/text-process/kind.ts';
import * as text from '../functions/tasks/kinds/text-process/text/bounds.ts';
import { MAX_RESULT_BYTES, MAX_ROW_BYTES } from '../functions/tasks/result.ts';
import { MAX_STORED_BYTES, MAX_UPLOADS } from '../functions/tasks/store/imports/uploads.ts';
import { runnersFor } from '../functions/tasks/worker/process-pool/memory.ts';
import { STAGES } from '../lib/stages.ts';
import { MAX_MAILBOX_BYTES, MAX_MAILS } from '../local/emulators/ses/mailbox.ts';

/* The limits that a request meets are tried at their edge in functions/http/limits.test.ts; here the page is held to the code. */

const page = readFileSync(join(import.meta.dirname, 'limits.md'), 'utf8');

const n = (value: number) => value.toLocaleString('en-US');
const kib = (bytes: number) => `${n(bytes / 1024)} KiB`;
const mib = (bytes: number) => `${n(bytes / 1024 ** 2)} MiB`;
const minutes = (seconds: number) => `${n(seconds / 60)} minutes`;
const { dev, prod } = STAGES;
const runner = runnersFor(1_769, 2);

/** The beginning of a row of the page, up to where the code has its say. */
const ROWS: readonly string[] = [
  `| body | ${mib(BODY_LIMITS.bytes)} of UTF-8, ${BODY_LIMITS.depth} levels deep, ${n(BODY_LIMITS.nodes)} values;`,
  `| \`Idempotency-Key\` | 255 printable ASCII characters, for ${KEY_HOURS} hours |`,
  `| every page | ${n(PAGE_BYTES)} bytes as Lambda counts them`,
  `| \`limits\` | 0.1 s to ${minutes(LONGEST_LIMIT_SECONDS)} |`,
  `| result | ${mib(MAX_RESULT_BYTES)}; a larger one fails the task. A result above ${kib(MAX_ROW_BYTES)} lies in the bucket |`,
  `| a handler in a process of its own | ${runner.heapMiB} MiB of heap, ${runner.memoryMiB} MiB in all |`,
  `| one request | ${n(MAX_BATCH)} tasks, in a body of ${n(BULK_LIMITS.bytes)} bytes and ${n(BULK_LIMITS.nodes)} values |`,
  `| an upload | ${mib(MAX_UPLOAD_BYTES)}, within 15 minutes`,
  `| an artifact | ${n(MAX_ARTIFACT_BYTES)} bytes, within ${minutes(ADDRESS_SECONDS)} of asking`,
  `| a handler that creates an artifact | ${mib(ARTIFACT_PART_BYTES)} of it in memory |`,
  `| artifacts of an organization | ${n(dev.quotas.artifacts_of_organization)} | ${n(prod.quotas.artifacts_of_organization)} |`,
  `| bytes of an organization's artifacts | ${n(dev.quotas.artifact_bytes_of_organization)} | ${n(prod.quotas.artifact_bytes_of_organization)} |`,
  `| lines of an import | ${n(MAX_LINES)} of ${kib(MAX_LINE_BYTES)},`,
  `| line ends of an upload | ${n(MAX_LINE_ENDS)},`,
  `| uploads that are not imported | ${MAX_UPLOADS} of an organization, ${n(MAX_STORED_BYTES)} bytes together.`,
  `| \`data.process\` | ${n(data.MAX_RECORDS)} records, or CSV of ${mib(data.MAX_CSV_BYTES)}; ${data.MAX_COLUMNS} columns, their names of ${data.MAX_COLUMN_NAME} characters; ${data.MAX_GROUP_COLUMNS} group columns; ${n(data.MAX_GROUPS)} groups, more fail the task; ${dataProcess.hardSeconds} s |`,
  `| \`data.process\`, a file | ${n(data.MAX_FILE_BYTES)} bytes, unpacked; ${n(data.MAX_ROW_UNITS)} characters of a row; ${secondsOf(dataProcess.limitsWith.artifact?.hard ?? '0s')} s |`,
  `| \`data.process\`, \`where\` | ${data.MAX_CONDITIONS} conditions; ${data.MAX_CONDITION_VALUES} values of one, of ${n(data.MAX_CONDITION_TEXT)} characters |`,
  `| \`data.process\`, sorted rows | ${n(data.MAX_SORTED_ROWS)}, of ${mib(data.MAX_SORTED_BYTES)} together with what they are sorted by; ${data.MAX_SORT_COLUMNS} columns; \`limit\` ${n(data.MAX_SORTED_ROWS)} |`,
  `| \`data.process\`, exact statistics | up to ${n(data.EXACT_CELLS)} cells and ${n(data.EXACT_UNITS)} characters; [estimates](kinds.md#large-tables) above |`,
  `| \`text.process\`, the text | inline as large as a body; an artifact of any size; ${mib(text.MAX_URL_BYTES)} from a URL. \`diff\` takes ${n(text.MAX_WHOLE.diff)} characters, \`html_to_text\` ${n(text.MAX_WHOLE.html_to_text)}, \`render\` ${n(text.MAX_WHOLE.render)} |`,
  `| \`text.process\`, operations | ${text.MAX_OPERATIONS}; patterns of ${n(text.MAX_PATTERN)} characters, ${n(text.MAX_PROGRAM)} steps and ${text.MAX_GROUPS} groups, replacements of ${n(text.MAX_REPLACEMENT)} characters and ${text.MAX_REFERENCES} references, matches of ${n(text.MAX_MATCH)}; ${n(text.MAX_MATCHES)} matches kept; ${n(text.MAX_TOP)} terms of ${text.MAX_NGRAM} words, ${n(text.MAX_TERMS)} of them exact; ${n(text.MAX_EDITS)} changed lines |`,
  `| \`text.process\`, \`render\` | ${n(text.MAX_RENDER_STEPS)} steps, ${n(text.MAX_RENDER_MEMORY)} characters and elements made, output of ${n(text.MAX_RENDERED)} characters |`,
  `| \`text.process\`, in the result | ${kib(text.MAX_INLINE_BYTES)} of text, of matches and of a patch; beyond, artifacts |`,
  `| \`text.process\`, an attempt | ${textProcess.hardSeconds} s |`,
  `| \`email.send\`, recipients | ${email.MAX_RECIPIENTS} with those in \`cc\` and \`bcc\`; ${email.MAX_REPLY_TO} in \`reply_to\`; addresses of ${MAX_ADDRESS_BYTES} bytes,`,
  `| \`email.send\`, the message | subject and each header ${MAX_HEADER_BYTES} bytes; text and HTML ${kib(email.MAX_BODY_BYTES)} each; ${email.MAX_ATTACHMENTS} attachments of ${mib(email.MAX_ATTACHMENT_BYTES)} together,`,
  `| \`email.send\`, an attempt | ${emailSend.hardSeconds} s,`,
  `| addresses in one request to \`/api/suppressions/\` | ${n(MAX_ADDED)} |`,
  `| mails in the local mailbox | the newest ${n(MAX_MAILS)} of ${mib(MAX_MAILBOX_BYTES)} together |`,
  `| recipients of an organization's mails in a day | ${n(dev.quotas.mail_recipients_per_day)} | ${n(prod.quotas.mail_recipients_per_day)} |`,
  `| addresses that an organization suppresses itself | ${n(dev.quotas.suppressions_of_organization)} | ${n(prod.quotas.suppressions_of_organization)} |`,
  `| \`http.request\`, an attempt | ${httpRequest.hardSeconds} s |`,
  `| a kind of your own | a hard limit of ${minutes(LONGEST_LIMIT_SECONDS)} |`,
  `| email, username, password | 254, 150, ${MIN_PASSWORD_LENGTH} to 128 characters |`,
  `| tokens | access ${minutes(ACCESS_TOKEN_SECONDS)}; refresh ${REFRESH_TOKEN_DAYS} days, for one use; a session ${SESSION_DAYS} days |`,
  `| tries of one account from one address | ${ACCOUNT_LIMIT.tries} in ${minutes(ACCOUNT_LIMIT.windowSeconds)},`,
  `| organizations that a user owns, the personal one included | ${MAX_OWNED} (409`,
  `| organizations that a user is a member of | ${n(MAX_MEMBERSHIPS)} (409`,
  `| members of an organization | ${n(MAX_MEMBERS)} (409`,
  `| open invitations of an organization | ${MAX_OPEN_INVITATIONS} (409 \`too_many_invitations\`); each expires after ${INVITATION_DAYS} days |`,
  `| watchlist | ${MAX_WATCHED} pairs of an organization; ${MAX_ASSETS_PER_USER} assets of a user in all organizations together |`,
  `| ticket | ${TICKET_SECONDS} s, one use |`,
  `| connections | ${MAX_CONNECTIONS} of a user;`,
  `| messages of a connection | ${MESSAGE_BURST} at once, then ${MESSAGES_PER_SECOND} a second,`,
  `| subscriptions of a connection | ${MAX_SUBSCRIPTIONS} tasks and ${MAX_SUBSCRIPTIONS} batches |`,
  `| requests under way (\`http.request\`) of an organization | ${dev.quotas.running_requests_of_organization} | ${prod.quotas.running_requests_of_organization} |`,
  `| requests under way of a user, in all organizations | ${dev.quotas.running_requests_of_user} | ${prod.quotas.running_requests_of_user} |`,
  `| requests of an organization to one host | ${[dev, prod].map(({ quotas }) => `${quotas.requests_per_second} a second, ${quotas.requests_at_once} at once`).join(' | ')} |`,
  `| unfinished tasks of an organization | ${n(dev.quotas.pending_of_organization)} | ${n(prod.quotas.pending_of_organization)} |`,
  `| unfinished tasks of a user, in all organizations | ${n(dev.quotas.pending_of_user)} | ${n(prod.quotas.pending_of_user)} |`,
  `| unfinished tasks of the installation | ${n(dev.quotas.pending_of_installation)} | ${n(prod.quotas.pending_of_installation)} |`,
  `| logins and registrations of one address in 5 minutes | ${dev.logins.perAddress} (locally 1,000: \`LOGINS_PER_ADDRESS\`) | ${prod.logins.perAddress} |`,
  `| registrations of one address in an hour | ${dev.logins.registrationsPerAddress} (locally 1,000: \`REGISTRATIONS_PER_ADDRESS\`) | ${prod.logins.registrationsPerAddress} |`,
];

test.each(ROWS)('docs/limits.md says: %s', (row) => {
  expect(page).toContain(`\n${row}`);
});
