import type { SQSRecord } from 'aws-lambda';
import * as z from 'zod';
import { IDS_PER_MESSAGE } from '../../tasks/wake-ups.ts';

/** The whole content of a message: a wake-up for rows that say the rest themselves. */
const Body = z.object({ v: z.literal(1), ids: z.array(z.uuid()).min(1).max(IDS_PER_MESSAGE.bulk) });

/**
 * The task ids of a message.
 *
 * @returns undefined for what is not a message of ours; it can never become one, so it is not worth a redelivery
 */
export function taskIds(record: Pick<SQSRecord, 'body'>): string[] | undefined {
  return taskIdsIn(record.body);
}

/** The same of the text of a message. */
export function taskIdsIn(body = ''): string[] | undefined {
  try {
    return Body.parse(JSON.parse(body)).ids;
  } catch {
    return undefined;
  }
}
