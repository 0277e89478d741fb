import {
  ARTIFACT,
  ATTEMPT,
  AUDIT_ENTRY,
  BATCH,
  CURSOR,
  IDS,
  INVITATION,
  KEYS,
  MEMBER,
  ORGANIZATION,
  OWN_INVITATION,
  PAUSE,
  PRICE,
  SCHEDULED,
  SUPPRESSION,
  TASK,
  TASK_KIND,
  TOKENS,
  USER,
  WATCHED,
} from './example-values.ts';
import type { Answer, Operation } from './openapi.ts';

/** Examples of an operation: of its body, of its parameters, and of each success by status. */
type Examples = {
  body?: unknown;
  parameters?: Record<string, unknown>;
  answers: Record<number, unknown>;
};

const page = (...results: unknown[]) => ({ results, next_cursor: null });
const account = { username: 'ada', password: 'a long enough password' };
const loggedIn = { ...TOKENS, user: USER };
const ofTask = { taskId: IDS.task };
const ofBatch = { batchId: IDS.batch };
const ofOrganization = { id: IDS.organization };
const ofMember = { ...ofOrganization, userId: IDS.member };
const ofInvitation = { invitationId: IDS.invitation };
const ofArtifact = { artifactId: IDS.artifact };
const ofAddress = { address: SUPPRESSION.address };
const ofLink = { token: 'dG9rZW4' };
const outcome = { matched: 1, changed: 1, stopping: 0, complete: true };
const newTask = {
  name: 'Data Processing Task',
  description: 'Process some data in the background.',
  scheduled_time: '2026-11-20T12:00:00Z',
};
const sums = { name: 'Sums', payload: { csv: 'city,sales\nParis,3\nRome,4', group_by: 'city' } };

/** Examples by operationId. Each example is valid for our own schema and makes sense to a reader. */
const EXAMPLES: Record<string, Examples> = {
  registerUser: {
    body: { email: 'ada@example.com', ...account, name: 'Ada Lovelace' },
    answers: { 201: loggedIn },
  },
  logInUser: { body: account, answers: { 200: loggedIn } },
  obtainTokens: { body: account, answers: { 200: TOKENS } },
  refreshSession: { body: { refresh: TOKENS.refresh }, answers: { 200: TOKENS } },
  refreshToken: { body: { refresh: TOKENS.refresh }, answers: { 200: TOKENS } },
  verifyToken: { body: { token: TOKENS.access }, answers: { 200: {} } },
  logOutUser: { body: { refresh: TOKENS.refresh }, answers: {} },
  getMe: {
    answers: {
      200: {
        user: USER,
        organizations: [{ id: IDS.organization, name: 'Analytical Engines', role: 'owner', personal: false }],
        more_organizations: 0,
      },
    },
  },
  getKeys: { answers: { 200: KEYS } },
  getWellKnownKeys: { answers: { 200: KEYS } },

  listTaskKinds: { answers: { 200: { results: [TASK_KIND] } } },
  createTask: { body: newTask, answers: { 201: { ...SCHEDULED, payload: {} } } },
  listTasks: {
    parameters: { status: ['FAILED', 'CANCELLED'], created_from: '2026-11-20T00:00:00Z', limit: 20 },
    answers: { 200: { results: [TASK], next_cursor: CURSOR } },
  },
  getTask: {
    parameters: ofTask,
    answers: { 200: { ...TASK, payload: {}, result_url: null, waiting: null } },
  },
  rescheduleTask: {
    parameters: ofTask,
    body: { scheduled_time: '2026-11-20T12:00:00Z' },
    answers: { 200: SCHEDULED },
  },
  listAttempts: { parameters: ofTask, answers: { 200: page(ATTEMPT) } },
  getTaskStatus: {
    parameters: ofTask,
    answers: {
      200: {
        id: TASK.id,
        status: TASK.status,
        result: TASK.result,
        result_url: null,
        error_message: null,
        created_at: TASK.created_at,
        updated_at: TASK.updated_at,
        attempt: 1,
        next_attempt_at: null,
        seq: TASK.seq,
      },
    },
  },
  cancelTask: {
    parameters: ofTask,
    answers: {
      200: { ...SCHEDULED, status: 'CANCELLED', finished_at: TASK.finished_at, message: 'Task cancelled' },
      202: {
        ...SCHEDULED,
        status: 'RUNNING',
        attempt: 1,
        started_at: TASK.started_at,
        cancel_requested_at: TASK.finished_at,
        message: 'Task is running; it was asked to stop',
      },
    },
  },
  retryTask: { parameters: ofTask, answers: { 200: { ...SCHEDULED, message: 'Task scheduled for retry' } } },

  createBatch: {
    body: { name: 'Night run', tasks: [newTask, sums], partial: true },
    answers: {
      200: {
        batch: null,
        created: 0,
        results: [{ index: 0, errors: [{ pointer: '/tasks/0/name', detail: 'Is required' }] }],
      },
      201: {
        batch: BATCH,
        created: 1,
        results: [
          { index: 0, id: IDS.task },
          { index: 1, errors: [{ pointer: '/tasks/1/name', detail: 'Is required' }] },
        ],
      },
    },
  },
  listBatches: { parameters: { limit: 20 }, answers: { 200: page(BATCH) } },
  getBatch: { parameters: ofBatch, answers: { 200: BATCH } },
  getBatchGraph: {
    parameters: { ...ofBatch, limit: 500 },
    answers: {
      200: {
        nodes: [
          { id: IDS.task, name: 'Sum', ref: null, kind: TASK.kind, status: 'PENDING', on_failure: 'cancel' },
        ],
        edges: [{ task: IDS.task, depends_on: '0190a5b0-0000-7000-8000-00000000000b', as: 'prices' }],
        next_cursor: null,
      },
    },
  },
  cancelBatch: {
    parameters: ofBatch,
    body: { dry_run: true },
    answers: { 200: { ...outcome, batch: BATCH } },
  },
  retryBatch: {
    parameters: ofBatch,
    body: { dry_run: true },
    answers: { 200: { ...outcome, batch: BATCH } },
  },
  createUpload: {
    body: { format: 'csv', bytes: 2048 },
    answers: {
      201: {
        id: IDS.upload,
        organization: IDS.organization,
        method: 'PUT',
        url: 'https://artifacts.example.com/uploads/one?signature=abc',
        headers: { 'content-type': 'text/csv' },
        expires_at: '2026-11-20T12:15:00.000Z',
      },
    },
  },
  importBatch: {
    body: { upload: IDS.upload, format: 'csv', name: 'Night run', defaults: { max_retries: 1 } },
    answers: {
      202: {
        batch: { ...BATCH, status: 'importing', total: 0, completed: 0, running: 0, progress: 0 },
        task: IDS.task,
      },
    },
  },
  getImportReport: {
    parameters: ofBatch,
    answers: { 200: { url: 'https://artifacts.example.com/reports/one?signature=abc' } },
  },
  changeTasks: {
    body: { action: 'cancel', filter: { status: ['PENDING', 'SCHEDULED'], queue: 'bulk' }, dry_run: true },
    answers: { 200: { matched: 1200, changed: 0, stopping: 0, complete: true } },
  },

  createArtifact: {
    body: {
      name: ARTIFACT.name,
      media_type: ARTIFACT.media_type,
      bytes: ARTIFACT.bytes,
      sha256: ARTIFACT.sha256,
    },
    answers: {
      201: {
        ...ARTIFACT,
        status: 'pending',
        upload: {
          method: 'PUT',
          url: 'https://artifacts.example.com/artifacts/one?signature=abc',
          headers: {
            'x-amz-checksum-sha256': 'n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=',
            'content-type': 'text/csv',
          },
          expires_at: '2026-11-20T12:15:00.000Z',
        },
      },
    },
  },
  completeArtifact: { parameters: ofArtifact, answers: { 200: ARTIFACT } },
  listArtifacts: { parameters: { status: 'ready', limit: 20 }, answers: { 200: page(ARTIFACT) } },
  getArtifact: {
    parameters: ofArtifact,
    answers: {
      200: {
        ...ARTIFACT,
        download: {
          url: 'https://artifacts.example.com/artifacts/one?signature=abc',
          expires_at: '2026-11-20T12:15:00.000Z',
        },
      },
    },
  },
  deleteArtifact: { parameters: ofArtifact, answers: {} },

  listSuppressions: { parameters: { limit: 20 }, answers: { 200: page(SUPPRESSION) } },
  addSuppressions: {
    body: { addresses: [SUPPRESSION.address] },
    answers: { 200: { results: [SUPPRESSION] } },
  },
  getSuppression: { parameters: ofAddress, answers: { 200: SUPPRESSION } },
  removeSuppression: { parameters: ofAddress, answers: {} },
  showUnsubscribePage: { parameters: ofLink, answers: { 200: '<!doctype html>' } },
  unsubscribeAddress: {
    parameters: ofLink,
    body: { 'List-Unsubscribe': 'One-Click' },
    answers: { 200: '<!doctype html>' },
  },

  listPauses: { parameters: { limit: 20 }, answers: { 200: page(PAUSE) } },
  createPause: { body: { kind: 'http.request' }, answers: { 201: PAUSE } },
  deletePause: { parameters: { scope: 'kind', name: 'http.request' }, answers: {} },
  createTicket: { answers: { 201: { ticket: 'dGlja2V0', expires_in: 60 } } },

  createOrganization: { body: { name: 'Analytical Engines' }, answers: { 201: ORGANIZATION } },
  listOrganizations: { parameters: { limit: 20 }, answers: { 200: page(ORGANIZATION) } },
  getOrganization: { parameters: ofOrganization, answers: { 200: ORGANIZATION } },
  replaceOrganization: {
    parameters: ofOrganization,
    body: { name: 'Analytical Engines' },
    answers: { 200: ORGANIZATION },
  },
  updateOrganization: {
    parameters: ofOrganization,
    body: { max_running: 20 },
    answers: { 200: ORGANIZATION },
  },
  deleteOrganization: {
    parameters: { ...ofOrganization, dry_run: 'true' },
    answers: { 200: { tasks: 12, batches: 1, members: 2 } },
  },
  listAuditLog: { parameters: ofOrganization, answers: { 200: page(AUDIT_ENTRY) } },
  listMembers: { parameters: ofOrganization, answers: { 200: page(MEMBER) } },
  inviteMember: {
    parameters: ofOrganization,
    body: { username: 'charles', role: 'member' },
    answers: { 201: INVITATION },
  },
  listInvitations: { parameters: ofOrganization, answers: { 200: page(INVITATION) } },
  revokeInvitation: { parameters: { ...ofOrganization, ...ofInvitation }, answers: {} },
  listOwnInvitations: { parameters: { limit: 20 }, answers: { 200: page(OWN_INVITATION) } },
  acceptInvitation: { parameters: ofInvitation, answers: { 200: { ...ORGANIZATION, role: 'member' } } },
  declineInvitation: { parameters: ofInvitation, answers: {} },
  updateMember: {
    parameters: ofMember,
    body: { role: 'viewer' },
    answers: { 200: { ...MEMBER, role: 'viewer' } },
  },
  removeMember: { parameters: ofMember, answers: {} },

  listPrices: {
    parameters: { ...ofOrganization, asset: 'bitcoin', currency: 'usd' },
    answers: { 200: page(PRICE) },
  },
  listWatchlist: { parameters: ofOrganization, answers: { 200: page(WATCHED) } },
  addToWatchlist: {
    parameters: ofOrganization,
    body: { asset: 'bitcoin', currency: 'usd' },
    answers: { 200: WATCHED, 201: WATCHED },
  },
  removeFromWatchlist: { parameters: { ...ofOrganization, asset: 'bitcoin' }, answers: {} },

  getDocument: { answers: { 200: { openapi: '3.1.0', paths: {} } } },
  getDocumentationPage: { answers: { 200: '<!doctype html>' } },
};

/** Returns the operation with its examples. */
export function withExamples(operation: Operation): Operation {
  const { body, parameters = {}, answers = {} } = EXAMPLES[operation.operationId ?? ''] ?? {};
  const content = operation.requestBody?.content;
  return {
    ...operation,
    ...(operation.parameters && {
      parameters: operation.parameters.map((each) =>
        each.name in parameters ? { ...each, example: parameters[each.name] } : each,
      ),
    }),
    ...(content &&
      body !== undefined && {
        requestBody: { ...operation.requestBody, content: withExample(content, body) },
      }),
    responses: Object.fromEntries(
      Object.entries(operation.responses ?? {}).map(([status, answer]) => [
        status,
        Number(status) in answers && answer.content
          ? { ...answer, content: withExample(answer.content, answers[Number(status)]) }
          : answer,
      ]),
    ),
  };
}

function withExample(content: NonNullable<Answer['content']>, example: unknown) {
  return Object.fromEntries(Object.entries(content).map(([type, media]) => [type, { ...media, example }]));
}
