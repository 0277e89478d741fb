import { CfnResource, Stack, TagManager } from 'aws-cdk-lib';
import { describe, expect, test } from 'vitest';
import { ALL_SETTINGS, appOf, STAGE_NAMES, temporary } from './testing/synthesized.ts';

/* Rules that every resource must follow. */

const CASES = [
  ...STAGE_NAMES.map((stage) => ({ stage, called: stage, settings: {} })),
  { stage: 'prod', called: 'prod with every setting', settings: ALL_SETTINGS },
];

describe.each(CASES)('every resource of $called', ({ stage, called, settings }) => {
  const app = appOf(stage, temporary(`everything-${called}`), settings);
  const templates = app.synth().stacks.map((stack) => ({ name: stack.stackName, template: stack.template }));

  test('that takes tags says which application and which stage it belongs to', () => {
    const stacks = app.node.children.filter(Stack.isStack);
    const lacking = stacks.flatMap((stack) =>
      stack.node
        .findAll()
        .filter(
          (child): child is CfnResource => CfnResource.isCfnResource(child) && TagManager.isTaggable(child),
        )
        .map((child) => ({
          path: child.node.path,
          resource: templates.find(({ name }) => name === stack.stackName)?.template.Resources[
            stack.getLogicalId(child)
          ],
        }))
        // A policy without statements is in no template.
        .filter(({ resource }) => resource)
        .filter(({ resource }) => {
          const properties = JSON.stringify(resource.Properties);
          return !properties.includes('"celeriac"') || !properties.includes(`"${stage}"`);
        })
        .map(({ path }) => path),
    );
    expect(lacking).toEqual([]);
  });

  test('takes partition and suffix of its addresses from the region it is in', () => {
    // Only a table by partition may contain these texts.
    const texts = templates.flatMap(({ template: { Mappings: _, ...rest } }) => textsOf(rest));
    const fixed = texts.filter((text) => FIXED.test(text) && !IN_EVERY_PARTITION.test(text));
    expect(fixed).toEqual([]);
  });
});

/** An address or name of the partition `aws`, written out. */
const FIXED = /arn:aws[:-]|amazonaws\.com|aws\.amazon\.com/;

/**
 * Texts that are allowed: names of services are the same in every partition, and the ARN of a certificate is a setting. A
 * service's name with a region is part of the policy that the library gives to a key.
 */
const IN_EVERY_PARTITION = /^[a-z0-9-]*\.amazonaws\.com$|^arn:aws:acm:/;

function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([key, inner]) => [key, ...textsOf(inner)]);
}
