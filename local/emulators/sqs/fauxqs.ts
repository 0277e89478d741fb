import type { buildApp } from 'fauxqs';

/*
 * The parts of fauxqs that it does not export, at the version that package.json pins. Its own `startFauxqs` listens on
 * every interface of the machine, knows no fair queues, and spends most of its time on a web framework.
 */

export type Stores = NonNullable<NonNullable<Parameters<typeof buildApp>[0]>['stores']>;
export type SqsStore = Stores['sqsStore'];
export type SqsQueue = ReturnType<SqsStore['createQueue']>;
export type SqsMessage = Parameters<SqsQueue['enqueue']>[0];
export type MessageAttributes = SqsMessage['messageAttributes'];
export type ReceivedMessage = ReturnType<SqsQueue['dequeue']>[number];

/** Everything that was sent and not deleted, in SQLite. */
export interface Journal {
  readonly db: { exec(sql: string): void };
  load(sqs: Stores['sqsStore'], sns: Stores['snsStore'], s3: Stores['s3Store']): void;
  insertMessage(queueName: string, message: SqsMessage): void;
  deleteMessage(messageId: string): void;
  updateMessageInflight(
    messageId: string,
    receiptHandle: string,
    visibilityDeadline: number,
    receiveCount: number,
    firstReceiveTimestamp: number | undefined,
  ): void;
  deleteQueueMessages(queueName: string): void;
  /** Runs what belongs together. */
  transaction(work: () => void): void;
  close(): void;
}

/** A refusal of SQS, as the JSON protocol words it. */
export interface SqsRefusal extends Error {
  readonly statusCode: number;
  readonly queryErrorHeader: string;
  toJSON(): unknown;
}

export interface Fauxqs {
  readonly SqsStore: (new () => SqsStore) & {
    createMessage(
      body: string,
      attributes: MessageAttributes,
      delaySeconds: number | undefined,
      groupId: string | undefined,
    ): SqsMessage;
  };
  readonly SnsStore: new () => Stores['snsStore'];
  readonly S3Store: new () => Stores['s3Store'];
  readonly PersistenceManager: new (dataDir: string) => Journal;
  readonly SqsError: new (code: string, message: string) => SqsRefusal;
  readonly QueueDoesNotExistError: new () => SqsRefusal;
  readonly INVALID_MESSAGE_BODY_CHAR: RegExp;
  readonly VALID_BATCH_ENTRY_ID: RegExp;
  readonly SQS_MAX_MESSAGE_SIZE_BYTES: number;
  /** Bytes. */
  calculateMessageSize(body: string, attributes: MessageAttributes): number;
}

const FILES = [
  'sqs/sqsStore.js',
  'sqs/sqsTypes.js',
  'sns/snsStore.js',
  's3/s3Store.js',
  'persistence.js',
  'common/errors.js',
];

/** Loads the modules beside fauxqs' entry. */
export async function loadFauxqs(): Promise<Fauxqs> {
  const entry = import.meta.resolve('fauxqs');
  const modules = await Promise.all(FILES.map((file) => import(new URL(file, entry).href)));
  return Object.assign({}, ...modules);
}
