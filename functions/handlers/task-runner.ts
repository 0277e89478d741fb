import { taskOf } from '../tasks/kinds/tasks.ts';
import { serve } from '../tasks/worker/process-pool/serve.ts';
import { readEnv } from './wiring/environment.ts';
import { outboundEnv, outboundFetch } from './wiring/outbound.ts';

/*
 * The program of the runner processes beside the worker, in which isolated attempts run. A runner has neither the
 * worker's database nor its clients: a handler reaches only what its context provides.
 */

await serve({ taskOf, fetch: outboundFetch(readEnv(outboundEnv)) });
