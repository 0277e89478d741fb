import { Agent, request } from 'undici';
import type { Lambda } from './lambda.ts';
import type { Outcome } from './sandbox.ts';

/** Lambda's Invoke over HTTP, for processes other than the one with the sandboxes. */
export function remoteLambda(endpoint: string): Pick<Lambda, 'invoke'> {
  // No client timeout: a function may run long, and its own limit ends it.
  const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0 });
  return {
    invoke: async (name, payload): Promise<Outcome> => {
      const path = `/2015-03-31/functions/${encodeURIComponent(name)}/invocations`;
      const { statusCode, headers, body } = await request(endpoint + path, {
        dispatcher,
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: payload,
      });
      const answer = await body.text();
      if (statusCode !== 200) throw new Error(`Lambda refused to invoke ${name}: ${statusCode} ${answer}`);
      return { payload: answer, ...(headers['x-amz-function-error'] ? { functionError: 'Unhandled' } : {}) };
    },
  };
}
