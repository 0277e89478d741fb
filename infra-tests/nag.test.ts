import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type App, Stack, Validations } from 'aws-cdk-lib';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { expect, test } from 'vitest';
import { ALL_SETTINGS, appOf, STAGE_NAMES, temporary } from './testing/synthesized.ts';

type Report = {
  pluginReports: { violations: { ruleName: string; violatingConstructs: { constructPath: string }[] }[] }[];
};

/** Returns the findings of the rule packs that have not been acknowledged with a reason, as `rule at construct`. */
function findings(app: App): string[] {
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
  const { exitCode } = process;
  try {
    app.synth();
  } catch {
    // The report contains the findings.
  } finally {
    // A failed validation also sets the exit code of this process.
    process.exitCode = exitCode;
  }
  const report: Report = JSON.parse(readFileSync(join(app.outdir, 'validation-report.json'), 'utf8'));
  return report.pluginReports.flatMap(({ violations }) =>
    violations.flatMap(({ ruleName, violatingConstructs }) =>
      violatingConstructs.map(({ constructPath }) => `${ruleName} at ${constructPath}`),
    ),
  );
}

// Loads the library and the rules before the tests, so that no test's time includes the loading.
findings(appOf('dev', temporary('nag-loaded')));

test.each(STAGE_NAMES)('cdk-nag finds nothing in %s that has no reason', (stage) => {
  expect(findings(appOf(stage, temporary(`nag-${stage}`)))).toEqual([]);
});

test('nor with everything that may be said at deployment', () => {
  expect(findings(appOf('prod', temporary('nag-all'), ALL_SETTINGS))).toEqual([]);
});

test('what is new is found, by both packs', () => {
  const app = appOf('dev', temporary('nag-new'));
  const [stack] = app.node.children.filter(Stack.isStack);
  new Queue(stack ?? app, 'New', { enforceSSL: false });
  expect(findings(app)).toEqual([
    'AwsSolutions-SQS3 at Celeriac-dev-Data/New/Resource',
    'AwsSolutions-SQS4 at Celeriac-dev-Data/New/Resource',
    'Serverless-SQSRedrivePolicy at Celeriac-dev-Data/New/Resource',
  ]);
});
