import * as z from 'zod';
import { invalidRequest, Refusal } from '../refusal.ts';
import { listed, shortened } from '../shortened.ts';
import { post, type Subject, type SubscribeDeps, subscribe, unsubscribe } from './subscribe.ts';

/** The messages that a client may send. */
const Message = z.discriminatedUnion('action', [
  z.strictObject({ action: z.literal('subscribe'), ...subject() }).superRefine(oneSubject),
  z.strictObject({ action: z.literal('unsubscribe'), ...subject() }).superRefine(oneSubject),
  z.strictObject({ action: z.literal('ping') }),
]);

type Named = { task?: string | undefined; batch?: string | undefined };

function subject() {
  return { task: z.uuid().optional(), batch: z.uuid().optional() };
}

function oneSubject({ task, batch }: Named, issues: z.RefinementCtx): void {
  const refuse = (path: string, message: string) =>
    issues.addIssue({ code: 'custom', path: [path], message });
  if (task === undefined && batch === undefined) refuse('task', 'Is required, or batch');
  if (task !== undefined && batch !== undefined) refuse('batch', 'Give either task or batch, not both');
}

const subjectOf = ({ task, batch = '' }: Named): Subject => (task === undefined ? { batch } : { task });

/** Answers one message of a client. A refused request is answered with an `error` frame, and the connection stays open. */
export async function receiveMessage(deps: SubscribeDeps, connectionId: string, body: string): Promise<void> {
  await tellingRefusals(deps, connectionId, async () => {
    const message = parse(body);
    if (message.action === 'ping') await post(deps, connectionId, JSON.stringify({ type: 'pong' }));
    else if (message.action === 'subscribe') await subscribe(deps, connectionId, subjectOf(message));
    else await unsubscribe(deps, connectionId, subjectOf(message));
  });
}

/** Does `work` for a connection. A refusal is sent to the connection as an `error` frame. */
export async function tellingRefusals(
  deps: SubscribeDeps,
  connectionId: string,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { code, message, fields } = error;
    const frame = { type: 'error', code, error: shortened(message), errors: [], ...listed(fields) };
    await post(deps, connectionId, JSON.stringify(frame));
  }
}

function parse(body: string): z.infer<typeof Message> {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    throw new Refusal(
      'invalid',
      'invalid_json',
      'A message must be JSON, e.g. {"action":"subscribe","task":"<id>"}',
    );
  }
  const message = Message.safeParse(value);
  if (!message.success) throw invalidRequest('body', message.error);
  return message.data;
}
