import { join } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';

/*
 * A function that returns a part of a statement has a name that ends in `Sql`, and no other function has
 * (CONTRIBUTING.md, "Style"). TypeScript knows the types, also those that are not written down.
 */

const REPOSITORY = join(import.meta.dirname, '..');

/** Types of parts of statements: of postgres.js, and of drizzle. */
const PARTS = new Set(['PendingQuery', 'Fragment', 'Helper', 'SQL']);

const { config } = ts.readConfigFile(join(REPOSITORY, 'tsconfig.json'), ts.sys.readFile);
const { fileNames, options } = ts.parseJsonConfigFileContent(
  { ...config, include: ['functions'], exclude: ['**/*.test.ts', '**/testing', '**/verification'] },
  ts.sys,
  REPOSITORY,
);
const { tsBuildInfoFile: _, ...withoutCache } = options;
const program = ts.createProgram(fileNames, { ...withoutCache, incremental: false });
const checker = program.getTypeChecker();

const isPart = (type: ts.Type): boolean =>
  type.isUnion()
    ? type.types.some(isPart)
    : PARTS.has(type.aliasSymbol?.name ?? '') || PARTS.has(type.symbol?.name ?? '');

type Named = { where: string; name: string; returnsPart: boolean };

/** Finds every function of a file that is declared by name. Members of a table have the name of the table. */
function* namedFunctions(file: ts.SourceFile, node: ts.Node = file): Generator<Named> {
  const holder = ts.isFunctionDeclaration(node) ? node : node.parent;
  const isNamed = ts.isFunctionDeclaration(node) || (holder && ts.isVariableDeclaration(holder));
  if (isNamed && ts.isFunctionLike(node) && holder && 'name' in holder && holder.name) {
    const signature = checker.getSignatureFromDeclaration(node as ts.SignatureDeclaration);
    const { line } = file.getLineAndCharacterOfPosition(node.getStart(file));
    if (signature)
      yield {
        where: `${file.fileName.slice(REPOSITORY.length + 1)}:${line + 1}`,
        name: (holder.name as ts.Node).getText(file),
        returnsPart: isPart(checker.getReturnTypeOfSignature(signature)),
      };
  }
  for (const child of node.getChildren(file)) yield* namedFunctions(file, child);
}

const functions = fileNames.flatMap((path) => {
  const file = program.getSourceFile(path);
  return file ? [...namedFunctions(file)] : [];
});

test('a function ends in Sql exactly when it returns a part of a statement', () => {
  expect(functions.filter(({ returnsPart }) => returnsPart).length).toBeGreaterThan(40);
  const wrong = functions.filter(({ name, returnsPart }) => returnsPart !== name.endsWith('Sql'));
  expect(wrong.map(({ where, name }) => `${where} ${name}`)).toEqual([]);
});
