import { randomBytes } from 'node:crypto';

/** A version of a secret, with the stages that it is at, e.g. AWSCURRENT. */
export type SecretVersion = { id: string; stages: readonly string[] };

/** The one secret that is rotated, as its keeper offers it. */
export type RotatedSecret = {
  versions: () => Promise<readonly SecretVersion[]>;
  /** Undefined when the version has no value yet. */
  readValue: (version: string, stage: string) => Promise<string | undefined>;
  /** Gives the version a value and makes it AWSPENDING. */
  putPending: (version: string, value: string) => Promise<void>;
  /** Makes `to` AWSCURRENT; the keeper makes `from` AWSPREVIOUS. */
  moveCurrent: (from: string | undefined, to: string) => Promise<void>;
};

/** The four steps in which Secrets Manager has a secret rotated. */
export const ROTATION_STEPS = ['createSecret', 'setSecret', 'testSecret', 'finishSecret'] as const;

export type RotationStep = (typeof ROTATION_STEPS)[number];

/** Bytes of a new value; written in Base64url, 64 characters, and 384 bits. */
const SECRET_BYTES = 48;

/**
 * One step of a rotation; each may come again. Nothing knows the signing secret but the functions that derive their
 * keys from it, so setting it anywhere (`setSecret`) is nothing, and testing it is a look at what was stored.
 *
 * @param version of the secret, which Secrets Manager has made for this rotation
 * @throws Error when the version is not one that waits for this, or has no usable value
 */
export async function rotate(secret: RotatedSecret, step: RotationStep, version: string): Promise<void> {
  const versions = await secret.versions();
  const stages = versions.find(({ id }) => id === version)?.stages ?? [];
  if (stages.includes('AWSCURRENT')) return;
  if (!stages.includes('AWSPENDING')) {
    throw new Error(`The version ${version} of the secret is not one that waits to become current`);
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
