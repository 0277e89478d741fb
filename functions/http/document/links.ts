import type { Header, Link, Operation } from './openapi.ts';

const task = { taskId: '$response.body#/id' };
const batch = { batchId: '$response.body#/id' };
const artifact = { artifactId: '$response.body#/id' };
const batchOfAnswer = { batchId: '$response.body#/batch/id' };
const sameOrganization = { id: '$request.path.id' };

/** Returns links to operations. @param parameters places of the operations' parameters in the request or its answer */
const linksTo = (parameters: Record<string, string>, ...operations: string[]): Record<string, Link> =>
  Object.fromEntries(operations.map((operationId) => [operationId, { operationId, parameters }]));

const TASK_OPERATIONS = [
  'getTask',
  'getTaskStatus',
  'listAttempts',
  'rescheduleTask',
  'cancelTask',
  'retryTask',
];
const BATCH_OPERATIONS = ['getBatch', 'getBatchGraph', 'cancelBatch', 'retryBatch'];
const ORGANIZATION_OPERATIONS = [
  ...['getOrganization', 'replaceOrganization', 'updateOrganization', 'deleteOrganization', 'listMembers'],
  ...['listAuditLog', 'inviteMember', 'listInvitations', 'listPrices', 'listWatchlist', 'addToWatchlist'],
];

const refreshLink = {
  refreshSession: {
    operationId: 'refreshSession',
    requestBody: { refresh: '$response.body#/refresh' },
  },
};

/** Links by operationId and status: the operations that can follow an answer. Lists also link to their next page. */
const LINKS: Record<string, Record<number, Record<string, Link>>> = {
  createTask: { 201: linksTo(task, ...TASK_OPERATIONS) },
  getTask: { 200: linksTo(task, ...TASK_OPERATIONS) },
  createBatch: { 201: linksTo(batchOfAnswer, ...BATCH_OPERATIONS) },
  getBatch: { 200: linksTo(batch, ...BATCH_OPERATIONS, 'getImportReport') },
  importBatch: {
    202: {
      ...linksTo(batchOfAnswer, ...BATCH_OPERATIONS, 'getImportReport'),
      ...linksTo({ taskId: '$response.body#/task' }, 'getTask', 'getTaskStatus'),
    },
  },
  createUpload: {
    201: {
      importBatch: {
        operationId: 'importBatch',
        description: 'Call it after the upload',
        requestBody: { upload: '$response.body#/id', format: 'csv' },
      },
    },
  },
  createArtifact: { 201: linksTo(artifact, 'completeArtifact', 'deleteArtifact') },
  completeArtifact: { 200: linksTo(artifact, 'getArtifact', 'deleteArtifact') },
  createPause: {
    201: linksTo({ scope: '$response.body#/scope', name: '$response.body#/name' }, 'deletePause'),
  },
  createOrganization: { 201: linksTo({ id: '$response.body#/id' }, ...ORGANIZATION_OPERATIONS) },
  inviteMember: {
    201: linksTo({ ...sameOrganization, invitationId: '$response.body#/id' }, 'revokeInvitation'),
  },
  updateMember: {
    200: linksTo({ ...sameOrganization, userId: '$response.body#/user_id' }, 'updateMember', 'removeMember'),
  },
  addToWatchlist: {
    201: linksTo({ ...sameOrganization, asset: '$response.body#/asset' }, 'removeFromWatchlist'),
  },
  registerUser: { 201: refreshLink },
  logInUser: { 200: refreshLink },
};

const LOCATION: Record<string, Header> = {
  Location: {
    description: 'Path of the new resource',
    required: true,
    schema: { type: 'string', format: 'uri-reference', pattern: '^/api/[a-z]+/[0-9a-f-]{36}/$' },
  },
};

/** The answers with a `Location` header, which names the new resource. */
const WITH_LOCATION: Record<string, number> = {
  createArtifact: 201,
  createTask: 201,
  createBatch: 201,
  importBatch: 202,
  createOrganization: 201,
};

/** Returns the link from a page of a list to the next page; undefined for an operation that has no pages. */
function nextPage({ operationId = '', parameters = [] }: Operation): Record<string, Link> | undefined {
  if (!parameters.some(({ name }) => name === 'cursor')) return undefined;
  const inPath = parameters.filter((each) => each.in === 'path');
  const same = Object.fromEntries(inPath.map(({ name }) => [name, `$request.path.${name}`]));
  return linksTo({ ...same, cursor: '$response.body#/next_cursor' }, operationId);
}

/** Returns the operation with the links of its answers, and with the `Location` headers. */
export function withLinks(operation: Operation): Operation {
  const { operationId = '', responses = {} } = operation;
  const answers = Object.entries(responses).map(([status, answer]) => {
    const links =
      LINKS[operationId]?.[Number(status)] ?? (status === '200' ? nextPage(operation) : undefined);
    const hasLocation = WITH_LOCATION[operationId] === Number(status);
    return [
      status,
      {
        ...answer,
        ...(hasLocation && { headers: { ...answer.headers, ...LOCATION } }),
        ...(links && { links }),
      },
    ];
  });
  return { ...operation, responses: Object.fromEntries(answers) };
}
