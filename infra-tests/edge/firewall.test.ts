import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import type { Settings } from '../../lib/stage-settings.ts';
import { appOf, temporary } from '../testing/synthesized.ts';

let count = 0;

/** Returns the rules of a stage's firewall, by name. */
function rulesOf(stage: string, settings: Settings = {}) {
  count += 1;
  const { template } = appOf(stage, temporary(`firewall-${count}`), settings)
    .synth()
    .getStackByName(`Celeriac-${stage}-Firewall`);
  const [acl] = Object.values(Template.fromJSON(template).findResources('AWS::WAFv2::WebACL'));
  const rules: { Name: string; Priority: number; Statement: Record<string, never>; Action?: unknown }[] =
    acl?.Properties.Rules;
  return Object.fromEntries(rules.map((rule) => [rule.Name, rule]));
}

const rateOf = (rule: ReturnType<typeof rulesOf>[string] | undefined): Record<string, never> =>
  rule?.Statement.RateBasedStatement ?? {};

describe('the firewall', () => {
  const rules = rulesOf('prod');

  test('is on in prod and off in dev, unless a setting says otherwise', () => {
    const stacks = (stage: string, settings: Settings) => {
      count += 1;
      return appOf(stage, temporary(`stacks-${count}`), settings)
        .synth()
        .stacks.map(({ stackName }) => stackName);
    };
    expect(stacks('prod', {})).toContain('Celeriac-prod-Firewall');
    expect(stacks('prod', { firewall: 'off' })).not.toContain('Celeriac-prod-Firewall');
    expect(stacks('dev', {})).not.toContain('Celeriac-dev-Firewall');
    expect(stacks('dev', { firewall: 'on' })).toContain('Celeriac-dev-Firewall');
  });

  test('allows an address a hundred requests a second, or the number of a setting', () => {
    const { Limit, EvaluationWindowSec } = rateOf(rules['too-many-requests']);
    expect(Number(Limit) / Number(EvaluationWindowSec)).toBe(100);
    const set = rateOf(rulesOf('prod', { firewallRequestsPerMinute: '600' })['too-many-requests']);
    expect([set.Limit, set.EvaluationWindowSec]).toEqual([600, 60]);
  });

  test.each(['9', '100000001', '1.5', '-1', 'many', '1e3'])(
    'refuses %s requests a minute as a setting',
    (value) => {
      count += 1;
      const make = () => appOf('prod', temporary(`refused-${count}`), { firewallRequestsPerMinute: value });
      expect(make).toThrow(
        'The setting firewallRequestsPerMinute must be a whole number from 10 to 100000000',
      );
    },
  );

  test('bounds logins, registrations and new tokens of one address, but not refreshes', () => {
    const { Limit, EvaluationWindowSec, ScopeDownStatement } = rateOf(rules['too-many-logins']);
    expect([Limit, EvaluationWindowSec]).toEqual([100, 300]);
    const { RegexString, TextTransformations } = (ScopeDownStatement as unknown as Record<string, never>)
      .RegexMatchStatement as unknown as { RegexString: string; TextTransformations: { Type: string }[] };
    const bounded = [
      '/api/auth/login',
      '/api/auth/login/',
      '/api/auth/register',
      '/api/auth/refresh',
      '/api/auth/logout',
      '/api/token',
      '/api/token/',
      '/api/token/refresh/',
      '/api/token/verify/',
      '/api/tasks/',
    ].filter((path) => new RegExp(RegexString).test(path));
    expect(bounded).toEqual([
      '/api/auth/login',
      '/api/auth/login/',
      '/api/auth/register',
      '/api/token',
      '/api/token/',
    ]);
    expect(TextTransformations.map(({ Type }) => Type)).toEqual(['URL_DECODE', 'NORMALIZE_PATH']);
  });

  test('refuses no body for its content, because the payload of a task may contain anything', () => {
    const groups = Object.values(rules).flatMap(({ Statement }) => Statement.ManagedRuleGroupStatement ?? []);
    const looksAtBodies: Record<string, string[]> = {
      AWSManagedRulesAmazonIpReputationList: [],
      AWSManagedRulesKnownBadInputsRuleSet: [
        'JavaDeserializationRCE_BODY',
        'Log4JRCE_BODY',
        'ReactJSRCE_BODY',
      ],
    };
    expect(groups.map(({ Name }) => Name)).toEqual(Object.keys(looksAtBodies));
    for (const { Name, RuleActionOverrides } of groups as { Name: string; RuleActionOverrides: unknown }[]) {
      expect(RuleActionOverrides).toEqual(
        looksAtBodies[Name]?.map((rule) => ({ Name: rule, ActionToUse: { Count: {} } })),
      );
    }
  });

  test('answers too many requests with 429, as the API does', () => {
    for (const name of ['too-many-requests', 'too-many-logins']) {
      expect(rules[name]?.Action).toEqual({ Block: { CustomResponse: { ResponseCode: 429 } } });
    }
  });
});
