import { createInterface } from 'node:readline';
import type { Answer, Call } from './calls.ts';

/**
 * Answers the bench's calls, one after the other, until standard input ends. Then ends the process.
 *
 * @param functions by the name of the call
 */
export async function answerCalls(
  functions: Readonly<Record<string, (given: never) => Promise<unknown>>>,
): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    const { id, call, given } = JSON.parse(line) as Call;
    const answer = await (functions[call] ?? noSuchCall)(given as never).then(
      (result): Answer => ({ answer: id, result: result ?? null }),
      (error): Answer => ({
        answer: id,
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      }),
    );
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
  process.exit(0);
}

const noSuchCall = () => Promise.reject(new Error('There is no such call'));
