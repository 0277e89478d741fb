import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';

const REPOSITORY = join(import.meta.dirname, '..');

const FOLDERS = '(?:bin|lib|functions|local|infra-tests|docs|console|examples|\\.ci|\\.github)';

/** A path of this repository in `code`, without wildcards and placeholders. */
const PATH_IN_CODE = new RegExp(`^${FOLDERS}/[\\w./-]+$`);

const DOCUMENT_IN_SOURCE = /(?<![\w/.-])((?:docs\/(?:decisions\/)?[\w-]+|[A-Z]{4,})\.md)(#[\w-]+)?/g;

const filesOf = (...patterns: string[]) =>
  globSync(patterns, {
    cwd: REPOSITORY,
    exclude: (path) => /(^|\/)(node_modules|dist|cdk\.out)(\/|$)/.test(path),
  });

const read = (file: string) => readFileSync(join(REPOSITORY, file), 'utf8');

const withoutBlocks = (text: string) => text.replace(/^ *```[\s\S]*?^ *```$/gm, '');

/** Anchors that GitHub gives to the headings of a page. */
function anchorsOf(file: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of withoutBlocks(read(file)).matchAll(/^#{1,6} +(.+)$/gm)) {
    const text = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const slug = text.replace(/[^\p{L}\p{N}\s_-]/gu, '').replace(/ /g, '-');
    let anchor = slug;
    for (let n = 1; anchors.has(anchor); n += 1) anchor = `${slug}-${n}`;
    anchors.add(anchor);
  }
  return anchors;
}

/** @returns why nothing is there; undefined when something is */
function fault(file: string, anchor: string | undefined): string | undefined {
  if (!existsSync(join(REPOSITORY, file))) return `${file} does not exist`;
  if (!anchor || !file.endsWith('.md') || anchorsOf(file).has(anchor)) return undefined;
  return `${file} has no heading for #${anchor}`;
}

const PAGES = filesOf('*.md', 'docs/**/*.md');

for (const page of PAGES) {
  test(`every link of ${page} leads to something`, () => {
    const text = withoutBlocks(read(page)).replace(/`[^`\n]*`/g, '``');
    const faults: string[] = [];
    for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path = '', anchor] = target.split('#');
      faults.push(fault(path === '' ? page : normalize(join(dirname(page), path)), anchor) ?? '');
    }
    expect(faults.filter((each) => each !== '')).toEqual([]);
  });

  // The changelog names files as they were.
  if (page === 'CHANGELOG.md') continue;
  test(`every file that ${page} names exists`, () => {
    const named = [...withoutBlocks(read(page)).matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);
    const missing = named.filter((code) => PATH_IN_CODE.test(code) && !existsSync(join(REPOSITORY, code)));
    expect(missing).toEqual([]);
  });
}

test('every document that a source file names exists, with its anchor', () => {
  const faults = filesOf('{bin,lib,functions,local,infra-tests,docs}/**/*.ts', '.ci/*').flatMap((file) =>
    [...read(file).matchAll(DOCUMENT_IN_SOURCE)].flatMap(([, document = '', anchor]) => {
      const found = fault(document, anchor?.slice(1));
      return found === undefined ? [] : [`${file}: ${found}`];
    }),
  );
  expect(faults).toEqual([]);
});
