import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const STEPS = join(import.meta.dirname, 'steps.sh');

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'celeriac-steps-'));
});
afterAll(() => rm(home, { recursive: true }));

/** Returns the lines that CI shows for a run with these steps. */
async function shown(steps: string): Promise<string[]> {
  const run = `set -euo pipefail; . "$0"; steps_into "$1"; ${steps}; steps_summary`;
  const { stdout } = await promisify(execFile)('bash', ['-c', run, STEPS, await mkdtemp(join(home, 'run-'))]);
  return stdout.split('\n');
}

/** Pytest and its imitators report the number of tests in such a line. */
const looksLikePytest = (line: string) => /^=+ .* =+$/.test(line) || /\bin [0-9.]+s\b/.test(line);

const SCHEMATHESIS = [
  '=================================== SUMMARY ====================================',
  '================== No issues found in 130.10s ==================',
  '============================ 2 warnings in 110.18s =============================',
  '======================= 1 failure, 2 warnings in 129.73s (0:02:09) =======================',
];

test.each(['step', 'beside'])(
  'a run ends with the one closing line of all tests, whatever its %s prints',
  async (how) => {
    const end = how === 'beside' ? 'wait_beside' : 'true';
    const lines = await shown(`
    ${how} contract printf '%s\\n' ${SCHEMATHESIS.map((line) => `'${line}'`).join(' ')}; ${end}
    step tests printf '      Tests  25 passed | 2 skipped (27)\\n'`);
    expect(lines.filter(looksLikePytest)).toEqual([]);
    expect(lines.slice(-2)).toEqual(['tests: 25 passed, 0 failed', '']);
    for (const words of [
      'SUMMARY',
      'No issues found (130.10 s)',
      '2 warnings (110.18 s)',
      '1 failure, 2 warnings (129.73 s)',
    ])
      expect(lines).toContain(words);
  },
);

test('a step that fails ends the run, and nothing says how many tests have passed', async () => {
  const failing = shown("step tests printf '      Tests  1 passed (1)\\n'; step bad false");
  await expect(failing).rejects.toMatchObject({ code: 1 });
  await expect(failing).rejects.not.toMatchObject({ stdout: expect.stringContaining('passed, ') });
});
