import { afterAll, beforeAll } from 'vitest';
import {
  type DatabaseFixture,
  databaseFixture,
  type Member,
} from '../../../database/testing/database-fixture.ts';

/** Seconds. No lease expires while a file runs, unless a test makes it expire. */
export const LEASE = 3_600;

/** Set-up of tests of the statements. */
type StoreStage = {
  on: DatabaseFixture;
  ada: Member;
  api: ReturnType<DatabaseFixture['as']>;
  worker: ReturnType<DatabaseFixture['as']>;
  dispatcher: ReturnType<DatabaseFixture['as']>;
};

/** Registers the set-up of a file with tests of the statements. */
export function storeStage(): StoreStage {
  const stage = {} as StoreStage;
  beforeAll(async () => {
    stage.on = await databaseFixture();
    stage.ada = await stage.on.member();
    stage.api = stage.on.as('api');
    stage.worker = stage.on.as('worker');
    stage.dispatcher = stage.on.as('dispatcher');
  });
  afterAll(() => stage.on.close());
  return stage;
}
