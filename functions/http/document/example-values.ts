/* Values that the examples of the API's description use. */

export const IDS = {
  user: '0190a5b0-0000-7000-8000-000000000001',
  member: '0190a5b0-0000-7000-8000-000000000002',
  organization: '0190a5b0-0000-7000-8000-000000000003',
  task: '0190a5b0-0000-7000-8000-000000000004',
  batch: '0190a5b0-0000-7000-8000-000000000005',
  upload: '0190a5b0-0000-7000-8000-000000000006',
  entry: '0190a5b0-0000-7000-8000-000000000007',
  invitation: '0190a5b0-0000-7000-8000-000000000008',
  artifact: '0190a5b0-0000-7000-8000-000000000009',
} as const;

const NOON = '2026-11-20T12:00:00.000Z';

export const CURSOR = 'AZClsAAAcACAAAAAAAAABA';

export const USER = {
  id: IDS.user,
  email: 'ada@example.com',
  username: 'ada',
  name: 'Ada Lovelace',
  created_at: NOON,
};

export const AUDIT_ENTRY = {
  id: IDS.entry,
  at: NOON,
  action: 'member.role_changed',
  actor: IDS.user,
  actor_username: 'ada',
  target: IDS.member,
  details: { from: 'member', to: 'viewer' },
  address: '203.0.113.7',
};

export const TOKENS = { access: 'eyJhbGciOiJFZERTQSJ9.e30.c2ln', refresh: 'cmVmcmVzaCB0b2tlbg' };

export const KEYS = {
  keys: [
    {
      kid: 'b5c1',
      kty: 'OKP',
      crv: 'Ed25519',
      x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
      alg: 'EdDSA',
      use: 'sig',
    },
  ],
};

export const TASK = {
  id: IDS.task,
  name: 'Data Processing Task',
  description: 'Process some data in the background.',
  status: 'COMPLETED',
  scheduled_time: NOON,
  created_at: NOON,
  updated_at: '2026-11-20T12:00:01.000Z',
  result: { message: 'Processed' },
  result_bytes: null,
  error_message: null,
  error: null,
  organization: IDS.organization,
  created_by: IDS.user,
  batch: null,
  kind: 'data.process',
  queue: 'interactive',
  attempt: 1,
  max_retries: 3,
  retry: null,
  limits: null,
  unique_key: null,
  concurrency_key: null,
  concurrency_limit: null,
  inputs: null,
  on_failure: 'cancel',
  ref: null,
  progress: { fraction: 1, note: null, at: '2026-11-20T12:00:01.000Z' },
  next_attempt_at: null,
  started_at: NOON,
  finished_at: '2026-11-20T12:00:01.000Z',
  cancel_requested_at: null,
  seq: 4,
};

/** The task before its start. */
export const SCHEDULED = {
  ...TASK,
  status: 'SCHEDULED',
  updated_at: NOON,
  result: null,
  attempt: 0,
  progress: null,
  started_at: null,
  finished_at: null,
  seq: 1,
};

export const ATTEMPT = {
  attempt: 1,
  outcome: 'completed',
  cause: 'created',
  due_at: NOON,
  started_at: NOON,
  finished_at: '2026-11-20T12:00:01.000Z',
  late_seconds: 0.004,
  duration_seconds: 1,
  next_attempt_in_seconds: null,
  error: null,
  progress: null,
  logs: [{ at: NOON, level: 'info', message: 'Reading the table', fields: { rows: 2 } }],
};

export const BATCH = {
  id: IDS.batch,
  name: 'Night run',
  organization: IDS.organization,
  created_by: IDS.user,
  queue: 'bulk',
  status: 'running',
  total: 2,
  completed: 1,
  failed: 0,
  cancelled: 0,
  running: 1,
  waiting: 0,
  progress: 0.5,
  created_at: NOON,
  updated_at: '2026-11-20T12:00:01.000Z',
  finished_at: null,
  seq: 3,
};

export const ORGANIZATION = {
  id: IDS.organization,
  name: 'Analytical Engines',
  personal: false,
  max_running: 20,
  retention_days: 30,
  artifact_retention_days: 30,
  role: 'owner',
  created_at: NOON,
  updated_at: NOON,
};

export const ARTIFACT = {
  id: IDS.artifact,
  organization: IDS.organization,
  name: 'orders.csv',
  media_type: 'text/csv',
  bytes: 2048,
  sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  status: 'ready',
  created_by: IDS.user,
  task: null,
  attempt: null,
  created_at: NOON,
  expires_at: '2026-12-20T12:00:00.000Z',
};

export const MEMBER = {
  user_id: IDS.member,
  username: 'charles',
  name: 'Charles Babbage',
  role: 'member',
  created_at: NOON,
};

const EXPIRES = '2026-12-04T12:00:00.000Z';

export const INVITATION = {
  id: IDS.invitation,
  organization: IDS.organization,
  username: 'charles',
  email: null,
  role: 'member',
  invited_by: 'ada',
  created_at: NOON,
  expires_at: EXPIRES,
};

/** The invitation as the invited user, Charles, sees it. */
export const OWN_INVITATION = {
  id: IDS.invitation,
  organization: IDS.organization,
  organization_name: 'Analytical Engines',
  role: 'member',
  invited_by: 'ada',
  created_at: NOON,
  expires_at: EXPIRES,
};

export const PAUSE = {
  organization: IDS.organization,
  scope: 'kind',
  name: 'http.request',
  paused_by: 'ada',
  paused_at: NOON,
};

export const WATCHED = { asset: 'bitcoin', currency: 'usd', created_at: NOON };

export const PRICE = {
  asset: 'bitcoin',
  currency: 'usd',
  price: '97123.4567',
  change_24h: '-1.25',
  as_of: '2026-11-20T11:59:41.000Z',
  bucket: NOON,
  stale: false,
  source: 'coingecko',
};

export const TASK_KIND = {
  kind: 'http.request',
  label: 'HTTP request',
  description: 'Sends one HTTP request to the internet and keeps the answer.',
  is_default: false,
  payload_schema: {
    type: 'object',
    properties: { url: { type: 'string', format: 'uri' } },
    required: ['url'],
  },
  example: { url: 'https://example.com/', method: 'GET' },
  form: { headers: { input: 'json' } },
  limits: { soft_seconds: 75, hard_seconds: 90 },
  max_retries: 3,
  retry: { base_seconds: 2, factor: 2, cap_seconds: 600, jitter: 'full', never_retry: [] },
};

export const SUPPRESSION = {
  address: 'bob@example.org',
  reason: 'bounce',
  detail: 'smtp; 550 5.1.1 user unknown',
  task: IDS.task,
  created_by: null,
  created_at: '2026-11-20T12:00:00.000Z',
};
