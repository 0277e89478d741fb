import { mkdir } from 'node:fs/promises';
import { buildApp } from 'fauxqs';
import { ACCOUNT, REGION } from './physical.ts';
import type { QueueSpec } from './template.ts';

/** SQS's own limit, which the emulator does not know. */
const MAX_DELAY_SECONDS = 900;

type Stores = NonNullable<NonNullable<Parameters<typeof buildApp>[0]>['stores']>;

/** The parts of fauxqs that it does not export, at the version that package.json pins. */
interface Internals {
  SqsStore: new () => Stores['sqsStore'];
  SnsStore: new () => Stores['snsStore'];
  S3Store: new () => Stores['s3Store'];
  PersistenceManager: new (dataDir: string) => Journal;
}

interface Journal {
  readonly db: { exec(sql: string): void };
  load(sqs: Stores['sqsStore'], sns: Stores['snsStore'], s3: Stores['s3Store']): void;
  close(): void;
}

export interface Queues {
  /** SQS's address, without a trailing slash. */
  readonly endpoint: string;
  /** Makes the queues that are missing and gives those that exist the template's attributes. */
  create(queues: readonly Omit<QueueSpec, 'url'>[]): void;
  /** SQS requests answered so far, by action: `SendMessageBatch`, `ReceiveMessage`, … */
  requestCounts(): Readonly<Record<string, number>>;
  stop(): Promise<void>;
}

export type StartQueues = (options: { dataDir: string }) => Promise<Queues>;

/**
 * Starts the embedded SQS on the loopback interface, with the messages that an earlier run left.
 *
 * Composed from fauxqs' parts, since its own `startFauxqs` listens on every interface of the machine. Its journal is
 * not forced to disk at each message: it survives the end of this process, and a message is only a wake-up (R1).
 *
 * @param options.port 0 takes any free port
 */
export async function startQueues(options: { dataDir: string; port?: number }): Promise<Queues> {
  await mkdir(options.dataDir, { recursive: true });
  const { SqsStore, SnsStore, S3Store, PersistenceManager } = await internals();
  const [sqsStore, snsStore, s3Store] = [new SqsStore(), new SnsStore(), new S3Store()];
  const journal = new PersistenceManager(options.dataDir);
  journal.db.exec('pragma synchronous = off');
  // Loaded before the stores know the journal, so that loading does not write.
  journal.load(sqsStore, snsStore, s3Store);
  for (const writer of [sqsStore, ...sqsStore.allQueues()]) Object.assign(writer, { persistence: journal });

  const counts: Record<string, number> = {};
  const app = buildApp({ logger: false, defaultRegion: REGION, stores: { sqsStore, snsStore, s3Store } });
  app.addHook('onRequest', async ({ headers }) => {
    const action = String(headers['x-amz-target'] ?? '').replace('AmazonSQS.', '');
    if (action) counts[action] = (counts[action] ?? 0) + 1;
  });
  app.addHook('preHandler', async ({ body }, reply) => {
    const complaint = delayComplaint(body);
    if (!complaint) return;
    await reply
      .status(400)
      .header('content-type', 'application/x-amz-json-1.0')
      .header('x-amzn-query-error', 'InvalidParameterValue;Sender')
      .send({ __type: 'com.amazonaws.sqs#InvalidParameterValue', message: complaint });
  });
  app.addHook('preClose', (done) => {
    journal.close();
    done();
  });
  const endpoint = await app.listen({ host: '127.0.0.1', port: options.port ?? 0 });

  return {
    endpoint,
    create: (queues) => {
      for (const { name, arn, attributes } of queues) {
        const url = `${endpoint}/${ACCOUNT}/${name}`;
        const existing = sqsStore.getQueueByName(name);
        if (existing) {
          Object.assign(existing, { url });
          existing.setAttributes({ RedrivePolicy: '', ...attributes });
        } else {
          sqsStore.createQueue(name, url, arn, { ...attributes }, {});
        }
      }
    },
    requestCounts: () => ({ ...counts }),
    stop: async () => {
      await app.close();
    },
  };
}

/** Loads the modules beside fauxqs' entry. */
async function internals(): Promise<Internals> {
  const files = ['sqs/sqsStore.js', 'sns/snsStore.js', 's3/s3Store.js', 'persistence.js'];
  const entry = import.meta.resolve('fauxqs');
  const modules = await Promise.all(files.map((file) => import(new URL(file, entry).href)));
  return Object.assign({}, ...modules);
}

function delayComplaint(body: unknown): string | undefined {
  const request = (body ?? {}) as { DelaySeconds?: number; Entries?: { DelaySeconds?: number }[] };
  const delays = [request, ...(Array.isArray(request.Entries) ? request.Entries : [])].map(
    (entry) => entry.DelaySeconds,
  );
  const wrong = delays.find((delay) => delay !== undefined && (delay < 0 || delay > MAX_DELAY_SECONDS));
  return wrong === undefined
    ? undefined
    : `Value ${wrong} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= ${MAX_DELAY_SECONDS}.`;
}
