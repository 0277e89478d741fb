import type { SQSRecord } from 'aws-lambda';
import * as z from 'zod';
import { IDS_PER_MESSAGE } from '../../tasks/wake-ups.ts';

/** The whole content of a message: a wake-up. The rows of these ids hold everything else. */
const Body = z.object({ v: z.literal(1), ids: z.array(z.uuid()).min(1).max(IDS_PER_MESSAGE.bulk) });

/**
 * Returns the task ids of a message.
 *
 * @returns undefined for a message in another format; a redelivery could not mend it
 */
export function taskIds(record: Pick<SQSRecord, 'body'>): string[] | undefined {
  return taskIdsIn(record.body);
}

/** Returns the task ids in the text of a message. @returns undefined for a text in another format */
export function taskIdsIn(body = ''): string[] | undefined {
  try {
    return Body.parse(JSON.parse(body)).ids;
  } catch {
    return undefined;
  }
}
