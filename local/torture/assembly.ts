import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { synthesizedAssembly } from '../template/synthesize.ts';

interface Resource {
  readonly Type: string;
  readonly Properties: Record<string, unknown>;
}

const TEMPLATE = 'Celeriac-dev-App.template.json';

/**
 * Copies the cloud assembly with a short visibility timeout, few receives, and more variables for the worker.
 * Everything else stays as deployed.
 */
export async function impatientAssembly(
  directory: string,
  {
    visibilitySeconds,
    maxReceives,
    workerVariables,
  }: {
    visibilitySeconds: number;
    maxReceives: number;
    workerVariables: Readonly<Record<string, string>>;
  },
  log: (line: string) => void,
): Promise<string> {
  await cp(await synthesizedAssembly(log), directory, { recursive: true });
  const file = join(directory, TEMPLATE);
  const template: { Resources: Record<string, Resource> } = JSON.parse(await readFile(file, 'utf8'));
  for (const { Type, Properties } of Object.values(template.Resources)) {
    if (Type === 'AWS::SQS::Queue') {
      Properties.VisibilityTimeout = visibilitySeconds;
      if (Properties.RedrivePolicy) Object.assign(Properties.RedrivePolicy, { maxReceiveCount: maxReceives });
    }
    if (Type === 'AWS::Lambda::Function' && String(Properties.FunctionName).endsWith('-worker')) {
      const { Variables } = Properties.Environment as { Variables: Record<string, unknown> };
      Object.assign(Variables, workerVariables);
    }
  }
  await writeFile(file, JSON.stringify(template));
  return directory;
}
