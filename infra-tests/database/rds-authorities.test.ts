import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bundleFunctions } from '../../lib/bundle.ts';
import { DATABASE_FUNCTIONS, FUNCTION_NAMES } from '../../lib/functions.ts';
import { REGIONS_WITH_AUTHORITIES } from '../../lib/rds-authorities.ts';
import { functionsOf, STAGE_NAMES, synthesized, temporary } from '../testing/synthesized.ts';

const HUNDRED_YEARS = new Date('2060-01-01');

describe('the authorities that a function trusts for a database', async () => {
  const bundles = await bundleFunctions({ outputRoot: temporary('with-authorities') });
  const certificates = (name: (typeof FUNCTION_NAMES)[number]) =>
    readFileSync(join(bundles[name], 'rds-ca.pem'), 'utf8')
      .split(/(?<=-----END CERTIFICATE-----)\n/)
      .filter((pem) => pem.trim())
      .map((pem) => new X509Certificate(pem));

  test.each(DATABASE_FUNCTIONS)('lie beside the code of %s, all of RDS and none that has expired', (name) => {
    const all = certificates(name);
    expect(all.length).toBeGreaterThan(70);
    for (const certificate of all) {
      expect(certificate.ca).toBe(true);
      expect(certificate.subject).toMatch(
        /CN=Amazon RDS [a-z]+-[a-z]+-\d Root CA (RSA2048|RSA4096|ECC384) G1/,
      );
      expect(new Date(certificate.validTo).getTime()).toBeGreaterThan(HUNDRED_YEARS.getTime());
    }
  });

  test('have all three kinds for every listed region', () => {
    expect(REGIONS_WITH_AUTHORITIES).toContain('eu-central-1');
    const subjects = certificates('api').map(({ subject }) => subject);
    for (const region of REGIONS_WITH_AUTHORITIES) {
      expect([region, subjects.filter((subject) => subject.includes(` ${region} `)).length]).toEqual([
        region,
        3,
      ]);
    }
  });

  test.each(STAGE_NAMES)('are named to the functions of %s where Lambda unpacks the code', (stage) => {
    const functions = functionsOf(synthesized(stage));
    const told = FUNCTION_NAMES.map(
      (name) => functions[name].resource.Properties.Environment.Variables.DATABASE_CA_FILE,
    );
    expect(told).toEqual(
      FUNCTION_NAMES.map((name) => (DATABASE_FUNCTIONS.includes(name) ? '/var/task/rds-ca.pem' : undefined)),
    );
  });
});
