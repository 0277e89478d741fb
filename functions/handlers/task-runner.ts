import { taskOf } from '../tasks/kinds/tasks.ts';
import { serve } from '../tasks/worker/process-pool/serve.ts';
import { readEnv } from './wiring/environment.ts';
import { outboundEnv, outboundFetch } from './wiring/outbound.ts';

/*
 * The program of the processes beside the worker in which isolated attempts run. It has neither the worker's database
 * nor its clients: what a handler reaches is what its context gives it.
 */

await serve({ taskOf, fetch: outboundFetch(readEnv(outboundEnv)) });
