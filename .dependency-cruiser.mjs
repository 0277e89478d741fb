import { readdirSync } from 'node:fs';

/** Folders of kinds, read from the disk, so that a new kind does not change this file. */
const KINDS = readdirSync(new URL('functions/tasks/kinds', import.meta.url), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== 'generated')
  .map(({ name }) => name);

/**
 * The rooms of each folder, from top to bottom: a room imports only rooms below it. `.` means the files directly in the
 * folder. A test checks that every room is listed.
 */
export const ROOMS = {
  functions: [
    'handlers',
    'http',
    'aws',
    'realtime',
    'prices',
    'tasks',
    'mail',
    'identity',
    'organizations',
    'idempotency',
    'audit',
    'console',
    'fetch',
    'database',
    'exact-json',
    '.',
  ],
  'functions/fetch': ['client', '.'],
  'functions/handlers': ['.', 'companions', 'wiring'],
  'functions/http': ['.', 'routes', 'document', 'app', 'pages'],
  'functions/http/routes': ['.', 'auth', 'batches', 'mail', 'organizations', 'tasks'],
  'functions/identity': ['sessions', 'keys', '.'],
  'functions/mail': ['operations', 'transport', 'store', '.'],
  'functions/organizations': ['operations', 'store', '.'],
  'functions/prices': ['update', '.'],
  'functions/tasks': [
    'verification',
    'worker',
    'dispatcher',
    'imports',
    'events',
    'commands',
    'kinds',
    'queries',
    'inputs',
    'artifacts',
    'store',
    '.',
  ],
  'functions/tasks/kinds': ['.', 'generated', ...KINDS],
  'functions/tasks/kinds/data-process': ['.', 'payload', 'output', 'statistics', 'reading', 'table'],
  'functions/tasks/kinds/text-process': ['.', 'steps', 'text'],
  'functions/tasks/store': ['.', 'artifacts', 'attempts', 'imports', 'lanes', 'fragments'],
  'functions/tasks/verification': ['simulation', 'model', '.'],
  'functions/tasks/worker': ['.', 'process-pool'],
  lib: ['cost', 'preflight', 'stacks', 'constructs', 'nat', 'edge', '.'],
  'lib/constructs': ['observability', 'database', 'edge', '.'],
  local: [
    'abuse',
    'bench',
    'contract',
    'fresh-machine',
    'torture',
    'end-to-end',
    '.',
    'ministack',
    'backings',
    'emulators',
    'template',
    'postgres',
    'process',
  ],
  'local/backings': ['localstack', 'redis', '.'],
  'local/bench': ['.', 'celeriac', 'drivers', 'report', 'measuring'],
  'local/bench/celeriac': ['findings', '.'],
  'local/emulators': ['.', 'cloudfront', 'api-gateway', 'ses', 'eventbridge', 'lambda', 's3', 'sqs', 'http'],
  'local/ministack': ['.', 'adapt'],
  'local/torture': ['.', 'faults', 'ledger', 'work'],
};

/** Tests, and the folders with code that several tests share. */
const TEST = '(\\.test\\.ts$|/testing/)';

/** Folders for tests and measurements. They may import anything, and only tests import them. */
const MACHINERY = '/(testing|verification|end-to-end|torture|bench|abuse|contract|fresh-machine)/';

const pathOf = (folder, room) => (room === '.' ? `^${folder}/[^/]+$` : `^${folder}/${room}/`);

const NO_ROOM_IMPORTS_WHAT_STANDS_ABOVE_IT = Object.entries(ROOMS).flatMap(([folder, rooms]) =>
  rooms.slice(1).map((room, at) => ({
    name: `${folder}: ${room} imports nothing of ${rooms.slice(0, at + 1).join(', ')}`,
    comment: 'ROOMS in .dependency-cruiser.mjs has the order',
    severity: 'error',
    from: { path: pathOf(folder, room), pathNot: TEST },
    to: { path: rooms.slice(0, at + 1).map((above) => pathOf(folder, above)) },
  })),
);

/** Rules for imports between folders. ARCHITECTURE.md explains the folders. */
export default {
  forbidden: [
    ...NO_ROOM_IMPORTS_WHAT_STANDS_ABOVE_IT,
    {
      name: 'no-circles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'only-tests-import-what-tests-need',
      severity: 'error',
      from: { pathNot: `\\.test\\.ts$|${MACHINERY}` },
      to: { path: MACHINERY, pathNot: '^node_modules/' },
    },
    {
      name: 'functions-know-nothing-of-the-local-runtime',
      severity: 'error',
      from: { path: '^functions/', pathNot: TEST },
      to: { path: '^(local|lib|bin|infra-tests)/' },
    },
    {
      name: 'a-store-belongs-to-its-folder',
      severity: 'error',
      from: { path: '^functions/([^/]+)/', pathNot: TEST },
      to: {
        path: '^functions/[^/]+/store(\\.ts$|/)',
        pathNot: '^functions/$1/',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'requests-ask-for-commands-and-queries',
      severity: 'error',
      from: { path: '^functions/(http|realtime|aws)/', pathNot: TEST },
      to: {
        path: '^functions/tasks/(worker|dispatcher|store)/',
      },
    },
    {
      name: 'http-is-for-functions-that-answer-requests',
      severity: 'error',
      from: {
        path: '^functions/handlers/',
        pathNot: `${TEST}|^functions/handlers/(api|auth|session|origin-check)\\.ts$`,
      },
      to: { path: '^functions/http/' },
    },
    {
      name: 'only-edges-know-aws',
      severity: 'error',
      // database/connect.ts signs the token that replaces a password.
      from: {
        path: '^functions/',
        pathNot: `${TEST}|^functions/(aws|handlers)/|^functions/database/connect\\.ts$`,
      },
      to: { path: '@aws-sdk/' },
    },
    {
      name: 'the-stack-knows-no-code-of-the-functions',
      severity: 'error',
      from: { path: '^(lib|bin)/' },
      to: { path: '^(functions|local|infra-tests)/' },
    },
    {
      name: 'the-local-runtime-reads-the-template-and-not-the-code',
      severity: 'error',
      from: { path: '^local/', pathNot: `${TEST}|^local/end-to-end/` },
      to: { path: '^functions/' },
    },
    {
      name: 'nothing-unresolved',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: '^aws-lambda$' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|cdk\\.out)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.mjs', '.json'],
    },
  },
};
