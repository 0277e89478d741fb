import { randomBytes } from 'node:crypto';

/** A version of a secret, with its stages, for example AWSCURRENT. */
export type SecretVersion = { id: string; stages: readonly string[] };

/** The secret that is rotated, with the operations that Secrets Manager offers for it. */
export type RotatedSecret = {
  versions: () => Promise<readonly SecretVersion[]>;
  /** Reads a version's value; undefined when the version has no value yet. */
  readValue: (version: string, stage: string) => Promise<string | undefined>;
  /** Stores a value for the version and gives it the stage AWSPENDING. */
  putPending: (version: string, value: string) => Promise<void>;
  /** Moves the stage AWSCURRENT to `to`. Secrets Manager gives `from` the stage AWSPREVIOUS. */
  moveCurrent: (from: string | undefined, to: string) => Promise<void>;
};

/** The four steps of a rotation by Secrets Manager. */
export const ROTATION_STEPS = ['createSecret', 'setSecret', 'testSecret', 'finishSecret'] as const;

export type RotationStep = (typeof ROTATION_STEPS)[number];

/** Bytes of a new value: 384 bits, or 64 characters in Base64url. */
const SECRET_BYTES = 48;

/**
 * Carries out one step of a rotation. A step may be repeated. Only the functions that derive their keys from the secret
 * know it, so `setSecret` has nothing to do, and testing the secret means reading the stored value.
 *
 * @param version id of the secret's version that Secrets Manager has made for this rotation
 * @throws Error when the version is not pending, or has no usable value
 */
export async function rotate(secret: RotatedSecret, step: RotationStep, version: string): Promise<void> {
  const versions = await secret.versions();
  const stages = versions.find(({ id }) => id === version)?.stages ?? [];
  if (stages.includes('AWSCURRENT')) return;
  if (!stages.includes('AWSPENDING')) {
    throw new Error(`The version ${version} of the secret is not pending`);
  }
  await STEPS[step](secret, version, versions);
}

type Step = (secret: RotatedSecret, version: string, versions: readonly SecretVersion[]) => Promise<void>;

const STEPS: Record<RotationStep, Step> = {
  async createSecret(secret, version) {
    if ((await secret.readValue(version, 'AWSPENDING')) !== undefined) return;
    await secret.putPending(version, randomBytes(SECRET_BYTES).toString('base64url'));
  },
  async setSecret() {},
  async testSecret(secret, version) {
    const value = await secret.readValue(version, 'AWSPENDING');
    if (value === undefined || Buffer.from(value, 'base64url').length < SECRET_BYTES) {
      throw new Error('The new secret has no usable value');
    }
  },
  async finishSecret(secret, version, versions) {
    await secret.moveCurrent(versions.find(({ stages }) => stages.includes('AWSCURRENT'))?.id, version);
  },
};
