import process from 'node:process';
import * as z from 'zod';
import { bucketArtifacts } from '../../../../aws/artifacts.ts';
import { connect } from '../../../../database/connect.ts';
import { attemptArtifacts } from '../../../artifacts/attempt-artifacts.ts';
import { defineTask, type Json } from '../../../define-task.ts';
import { askNoInputs } from '../../../inputs/testing/no-inputs.ts';
import * as store from '../../../store/index.ts';
import { execute } from '../../worker.ts';
import { workWithArtifacts } from './artifact-handler.ts';

/* A worker that kills itself (as kill -9 does) when its attempt comes to the point that the environment names. */

const { DATABASE_URL = '', ENDPOINT = '', TASK = '', POINT = '' } = process.env;

const db = connect(DATABASE_URL);
const bucket = bucketArtifacts({
  endpoint: ENDPOINT,
  region: 'us-east-1',
  bucket: 'artifacts',
  credentials: { accessKeyId: 'LOCAL1', secretAccessKey: 'local' },
});

/** Dies at the named point. */
const dieAt = (point: string): void => {
  if (point === POINT) process.kill(process.pid, 'SIGKILL');
};

const kind = defineTask({
  kind: 'inline.artifacts',
  payload: z.json(),
  limits: { soft: '60s', hard: '90s' },
  runs: 'inline',
  run: (payload, context) => workWithArtifacts(context, payload as Json),
});

await execute(
  {
    db,
    dispatch: { lookaheadSeconds: 180, resendSeconds: 300 },
    leaseSeconds: 30,
    kinds: new Map([[kind.kind, kind]]),
    taskOf: () => kind,
    runners: {
      free: () => 0,
      released: () => new Promise(() => {}),
      run: () => Promise.reject(new Error('nothing is isolated here')),
      stop: async () => {},
    },
    fetch: () => Promise.reject(new Error('no network here')),
    turnsOf: () => async () => ({ kind: 'go', afterSeconds: 0 }),
    putArtifact: () => Promise.reject(new Error('no large results here')),
    inputsOf: () => askNoInputs,
    artifactsOf: ({ id, organizationId, attempt }, logError) => {
      const artifacts = {
        ...bucket,
        completeParts: async (...given: Parameters<typeof bucket.completeParts>) => {
          dieAt('beforeComplete');
          await bucket.completeParts(...given);
          dieAt('beforeFinish');
        },
      };
      const owner = { taskId: id, organizationId, attempt };
      const own = attemptArtifacts({ db, artifacts, logError }, owner);
      return {
        ...own,
        ask: async (question) => {
          if (question.ask === 'stored') dieAt('beforeStored');
          const answer = await own.ask(question);
          if (question.ask === 'put') dieAt('beforePut');
          return answer;
        },
        keep: async () => {
          dieAt('beforeKeep');
          await own.keep();
          dieAt('beforeSettle');
        },
      };
    },
    log: () => {},
    announce: () => {},
    announceReports: () => {},
    enqueue: async () => [],
  },
  [TASK],
  { remainingSeconds: () => 900, statements: store },
);
