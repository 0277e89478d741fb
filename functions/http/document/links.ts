import type { Header, Link, Operation } from './openapi.ts';

/** Place of an id in an answer, and the parameter that takes this id. */
type Source = { parameter: string; from: string };

const task = { parameter: 'taskId', from: '$response.body#/id' };
const batch = { parameter: 'batchId', from: '$response.body#/id' };
const artifact = { parameter: 'artifactId', from: '$response.body#/id' };
const batchOfAnswer = { parameter: 'batchId', from: '$response.body#/batch/id' };
const organization = { parameter: 'id', from: '$response.body#/id' };
const sameOrganization = { parameter: 'id', from: '$request.path.id' };

const linksTo = (source: Source | Source[], ...operations: string[]): Record<string, Link> =>
  Object.fromEntries(
    operations.map((operationId) => [
      operationId,
      {
        operationId,
        parameters: Object.fromEntries([source].flat().map(({ parameter, from }) => [parameter, from])),
      },
    ]),
  );

const TASK_OPERATIONS = [
  'getTask',
  'getTaskStatus',
  'listAttempts',
  'rescheduleTask',
  'cancelTask',
  'retryTask',
];
const BATCH_OPERATIONS = ['getBatch', 'cancelBatch', 'retryBatch'];
const ORGANIZATION_OPERATIONS = [
  ...['getOrganization', 'replaceOrganization', 'updateOrganization', 'deleteOrganization', 'listMembers'],
  ...['listAuditLog', 'inviteMember', 'listInvitations', 'listPrices', 'listWatchlist', 'addToWatchlist'],
];
const MEMBER_OPERATIONS = ['updateMember', 'removeMember'];

/** Returns the link to the next page of a list. */
const nextPage = (operationId: string, ...own: string[]): Record<string, Link> =>
  linksTo(
    [
      ...own.map((parameter) => ({ parameter, from: `$request.path.${parameter}` })),
      { parameter: 'cursor', from: '$response.body#/next_cursor' },
    ],
    operationId,
  );

/** Links by operationId and status: the operations that can follow an answer. */
const LINKS: Record<string, Record<number, Record<string, Link>>> = {
  createTask: { 201: linksTo(task, ...TASK_OPERATIONS) },
  listTasks: { 200: nextPage('listTasks') },
  getTask: { 200: linksTo(task, ...TASK_OPERATIONS) },
  listAttempts: { 200: nextPage('listAttempts', 'taskId') },
  createBatch: { 201: linksTo(batchOfAnswer, ...BATCH_OPERATIONS) },
  listBatches: { 200: nextPage('listBatches') },
  getBatch: { 200: linksTo(batch, ...BATCH_OPERATIONS, 'getImportReport') },
  importBatch: {
    202: {
      ...linksTo(batchOfAnswer, ...BATCH_OPERATIONS, 'getImportReport'),
      ...linksTo({ parameter: 'taskId', from: '$response.body#/task' }, 'getTask', 'getTaskStatus'),
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
  listArtifacts: { 200: nextPage('listArtifacts') },
  listPauses: { 200: nextPage('listPauses') },
  createPause: {
    201: linksTo(
      [
        { parameter: 'scope', from: '$response.body#/scope' },
        { parameter: 'name', from: '$response.body#/name' },
      ],
      'deletePause',
    ),
  },
  createOrganization: { 201: linksTo(organization, ...ORGANIZATION_OPERATIONS) },
  listOrganizations: { 200: nextPage('listOrganizations') },
  inviteMember: {
    201: linksTo(
      [sameOrganization, { parameter: 'invitationId', from: '$response.body#/id' }],
      'revokeInvitation',
    ),
  },
  updateMember: {
    200: linksTo(
      [sameOrganization, { parameter: 'userId', from: '$response.body#/user_id' }],
      ...MEMBER_OPERATIONS,
    ),
  },
  listInvitations: { 200: nextPage('listInvitations', 'id') },
  listOwnInvitations: { 200: nextPage('listOwnInvitations') },
  listMembers: { 200: nextPage('listMembers', 'id') },
  listAuditLog: { 200: nextPage('listAuditLog', 'id') },
  listPrices: { 200: nextPage('listPrices', 'id') },
  addToWatchlist: {
    201: linksTo(
      [sameOrganization, { parameter: 'asset', from: '$response.body#/asset' }],
      'removeFromWatchlist',
    ),
  },
  registerUser: {
    201: {
      refreshSession: {
        operationId: 'refreshSession',
        requestBody: { refresh: '$response.body#/refresh' },
      },
    },
  },
  logInUser: {
    200: {
      refreshSession: {
        operationId: 'refreshSession',
        requestBody: { refresh: '$response.body#/refresh' },
      },
    },
  },
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

/** Returns the operation with the links of its answers, and with the `Location` headers. */
export function withLinks(operation: Operation): Operation {
  const { operationId = '', responses = {} } = operation;
  const answers = Object.entries(responses).map(([status, answer]) => {
    const links = LINKS[operationId]?.[Number(status)];
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
