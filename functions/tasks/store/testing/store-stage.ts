import { afterAll, beforeAll } from 'vitest';
import { type Member, type Stand, stand } from '../../../database/testing/stand.ts';

/** Seconds. No lease expires while a file runs, unless a test makes it expire. */
export const LEASE = 3_600;

/** Set-up of tests of the statements. */
type StoreStage = {
  on: Stand;
  ada: Member;
  api: ReturnType<Stand['as']>;
  worker: ReturnType<Stand['as']>;
  dispatcher: ReturnType<Stand['as']>;
};

/** Registers the set-up of a file with tests of the statements. */
export function storeStage(): StoreStage {
  const stage = {} as StoreStage;
  beforeAll(async () => {
    stage.on = await stand();
    stage.ada = await stage.on.member();
    stage.api = stage.on.as('api');
    stage.worker = stage.on.as('worker');
    stage.dispatcher = stage.on.as('dispatcher');
  });
  afterAll(() => stage.on.close());
  return stage;
}
