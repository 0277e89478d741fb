const TEST = '(\\.test\\.ts$|/(testing|verification)/)';

/** Which folder may import which. ARCHITECTURE.md explains the folders. */
export default {
  forbidden: [
    {
      name: 'no-circles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
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
      name: 'domains-know-neither-http-nor-handlers',
      severity: 'error',
      from: {
        path: '^functions/(tasks|identity|idempotency|audit|organizations|prices|realtime|database|aws|fetch)/',
        pathNot: TEST,
      },
      to: { path: '^functions/(http|handlers)/' },
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
      // database/connect.ts signs the token that stands for a password.
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
