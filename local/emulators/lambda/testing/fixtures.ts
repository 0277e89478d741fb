import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Lambda, type LambdaFunction, startLambda } from '../lambda.ts';

/**
 * Starts Lambda's emulator with functions from source text, for tests of code that calls functions.
 *
 * @param sources the source of each function's module, which exports `handler`
 * @param overrides properties that differ from the defaults: 5 s, at most one sandbox, none provisioned
 */
export async function startFixtureLambda(
  sources: Readonly<Record<string, string>>,
  overrides: Partial<LambdaFunction> = {},
): Promise<{ lambda: Lambda; lines: string[]; stop: () => Promise<void> }> {
  const root = await mkdtemp(join(tmpdir(), 'celeriac-functions-'));
  const lines: string[] = [];
  const functions = await Promise.all(
    Object.entries(sources).map(async ([name, source]) => {
      const codeDir = join(root, name);
      await mkdir(codeDir);
      await writeFile(join(codeDir, 'index.mjs'), source);
      return {
        name,
        codeDir,
        handler: 'index.handler',
        timeoutSeconds: 5,
        memoryMb: 128,
        environment: { STAGE: 'test' },
        maxSandboxes: 1,
        provisioned: 0,
        ...overrides,
      };
    }),
  );
  const lambda = startLambda({
    functions,
    environment: { AWS_ENDPOINT_URL: 'http://127.0.0.1:1' },
    log: (name, line) => lines.push(`[${name}] ${line}`),
  });
  return { lambda, lines, stop: () => lambda.stop(0) };
}
