import * as z from 'zod';
import { guardedFetch } from '../aws/fetch/guarded-fetch.ts';
import { taskOf } from '../tasks/kinds/tasks.ts';
import { serve } from '../tasks/runners/serve.ts';
import { readEnv } from './environment.ts';

/*
 * The program of the processes beside the worker in which isolated attempts run. It has neither the worker's database
 * nor its clients: what a handler reaches is what its context gives it.
 */

const env = readEnv({ OUTBOUND_LOOPBACK: z.enum(['allowed', 'refused']) });

await serve({ taskOf, fetch: guardedFetch({ loopback: env.OUTBOUND_LOOPBACK }) });
