import { expect, test } from 'vitest';
import { deriveKeys } from './derived-keys.ts';
import { ROTATION_STEPS, type RotatedSecret, rotate } from './rotate-secret.ts';

const OLD = 'o'.repeat(64);

/** Returns a stand-in for Secrets Manager during a rotation: it has made a pending version, still without a value. */
function keeper() {
  const values = new Map([['v1', OLD]]);
  const stages = new Map<string, string | undefined>([
    ['AWSCURRENT', 'v1'],
    ['AWSPENDING', 'v2'],
  ]);
  const secret: RotatedSecret = {
    versions: async () =>
      ['v1', 'v2'].map((id) => ({
        id,
        stages: [...stages].filter(([, version]) => version === id).map(([stage]) => stage),
      })),
    readValue: async (version, stage) => (stages.get(stage) === version ? values.get(version) : undefined),
    putPending: async (version, value) => {
      if (values.has(version)) throw new Error('a version has one value');
      values.set(version, value);
      stages.set('AWSPENDING', version);
    },
    moveCurrent: async (from, to) => {
      if (stages.get('AWSCURRENT') !== from) throw new Error('not the current version');
      stages.set('AWSCURRENT', to).set('AWSPREVIOUS', from);
    },
  };
  const at = (stage: string) => values.get(stages.get(stage) ?? '');
  return { secret, at, stages };
}

test('after a rotation the new secret signs, and tokens of the old one are still accepted', async () => {
  const { secret, at } = keeper();
  const before = await deriveKeys({ current: OLD });
  for (const step of ROTATION_STEPS) await rotate(secret, step, 'v2');
  expect(at('AWSPREVIOUS')).toBe(OLD);
  const after = await deriveKeys({ current: at('AWSCURRENT') ?? '', previous: at('AWSPREVIOUS') });
  expect(after.signing.kid).not.toBe(before.signing.kid);
  expect(after.published.map(({ kid }) => kid)).toEqual([after.signing.kid, before.signing.kid]);
});

test('signing does not change before the last step', async () => {
  const { secret, at } = keeper();
  for (const step of ROTATION_STEPS.slice(0, -1)) {
    await rotate(secret, step, 'v2');
    expect(at('AWSCURRENT')).toBe(OLD);
  }
});

test('every step may be repeated, even after the end', async () => {
  const { secret, at } = keeper();
  for (const step of ROTATION_STEPS) {
    await rotate(secret, step, 'v2');
    await rotate(secret, step, 'v2');
  }
  const rotated = at('AWSCURRENT');
  for (const step of ROTATION_STEPS) await rotate(secret, step, 'v2');
  expect(at('AWSCURRENT')).toBe(rotated);
  expect(at('AWSPREVIOUS')).toBe(OLD);
});

test('two rotations make different secrets', async () => {
  const [one, other] = [keeper(), keeper()];
  for (const { secret } of [one, other]) await rotate(secret, 'createSecret', 'v2');
  expect(one.at('AWSPENDING')).not.toBe(other.at('AWSPENDING'));
});

test('a version that does not wait, and a value that was never stored, are refused', async () => {
  const { secret, stages } = keeper();
  await expect(rotate(secret, 'testSecret', 'v2')).rejects.toThrow('no usable value');
  await expect(rotate(secret, 'createSecret', 'v3')).rejects.toThrow('is not pending');
  stages.delete('AWSPENDING');
  await expect(rotate(secret, 'finishSecret', 'v2')).rejects.toThrow('is not pending');
});
