import type { FUNCTION_ROLES } from '../roles.ts';

/*
 * The reach of each function's role, as one table to read and to compare with the migrated database. Everything that is
 * not written here must be impossible. A new table, column or function that a role may use belongs in here first.
 */

export const COMMANDS = ['select', 'insert', 'update', 'delete'] as const;
export type Command = (typeof COMMANDS)[number];

const inOrganizationsAs = (roles: string) => (table: string, userId: string) =>
  `${table === 'organizations' ? 'id' : 'organization_id'} in (
    select m.organization_id from memberships m where m.user_id = '${userId}' and m.role in (${roles}))`;

const mine = (_table: string, userId: string) => `user_id = '${userId}'`;
const administrable = inOrganizationsAs("'owner', 'admin'");

/** Rows of a table that an entered user reaches, as an SQL condition that does not use the policies. */
export const SCOPES = {
  all: () => 'true',
  expired: () => 'expires_at < now()',
  turnOver: () => 'next_at < now()',
  old: () => "at < now() - interval '90 days'",
  ended: () => "finished_at < now() - interval '1 day'",
  deleted: () => "status = 'deleted'",
  mine,
  readable: inOrganizationsAs("'owner', 'admin', 'member', 'viewer'"),
  writable: inOrganizationsAs("'owner', 'admin', 'member'"),
  administrable,
  administrableOrMine: (table, userId) => `${administrable(table, userId)} or ${mine(table, userId)}`,
  colleagues: (_table, userId) =>
    `id in (select other.user_id from memberships other join memberships m using (organization_id)
      where m.user_id = '${userId}')`,
} satisfies Record<string, (table: string, userId: string) => string>;
export type Scope = keyof typeof SCOPES;

/** The rows, and the columns unless it is all of them. */
export type Cell = readonly [Scope, ...columns: string[]];
export type Reach = Record<string, Partial<Record<Command, Cell>>>;

const TASK_SERVICE: Reach = {
  tasks: { select: ['all'], update: ['all'] },
  attempts: { select: ['all'], insert: ['all'], update: ['all'] },
  batches: { select: ['all'], update: ['all'] },
  pending_tasks: { select: ['all'], insert: ['all'], update: ['all'] },
};
const LANES: Reach = {
  task_dependencies: { select: ['all'] },
  pauses: { select: ['all'] },
  organizations: { select: ['all', 'id', 'max_running'] },
  quotas: { select: ['all'] },
};
const BOUNDS: Reach = {
  near_bounds: { select: ['all'] },
  pending_in_installation: { select: ['all', 'counted_at', 'everybody_is_near'] },
};
const SWEEP = { select: ['expired'], delete: ['expired'] } as const;
const WRITE = { select: ['all'], insert: ['all'], update: ['all'] } as const;

export const REACH: Record<(typeof FUNCTION_ROLES)[number], Reach> = {
  celeriac_auth: {
    users: { select: ['all'], insert: ['all'], update: ['all', 'password_hash'] },
    sessions: { select: ['all'], insert: ['all'] },
    refresh_tokens: { select: ['all'], insert: ['all'], update: ['all', 'used_at'] },
    login_failures: { ...WRITE, delete: ['all'] },
    request_counts: { ...WRITE, delete: ['all'] },
    signing_keys: { select: ['all'], insert: ['all'], delete: ['all'] },
    organizations: { select: ['readable', 'id', 'name'] },
    memberships: { select: ['mine', 'organization_id', 'role', 'user_id'] },
  },
  celeriac_session: {
    users: { select: ['all', 'created_at', 'email', 'id', 'name', 'username'] },
    sessions: { select: ['all'] },
    refresh_tokens: { select: ['all'], insert: ['all'], update: ['all', 'used_at'] },
    signing_keys: { select: ['all'], insert: ['all'], delete: ['all'] },
    organizations: { select: ['readable', 'created_by', 'id', 'name', 'personal'] },
    memberships: { select: ['mine', 'organization_id', 'role', 'user_id'] },
  },
  celeriac_api: {
    users: { select: ['colleagues', 'id', 'name', 'username'] },
    organizations: { select: ['readable'], update: ['administrable'], delete: ['administrable'] },
    memberships: {
      select: ['readable'],
      insert: ['administrable'],
      update: ['administrable'],
      delete: ['administrableOrMine'],
    },
    invitations: {
      select: [
        'administrable',
        ...[
          'accepted_at',
          'created_at',
          'email',
          'expires_at',
          'id',
          'invited_by',
          'organization_id',
          'role',
          'username',
        ],
      ],
      insert: ['administrable'],
      delete: ['administrable'],
    },
    signing_keys: { select: ['all'] },
    tasks: {
      select: ['readable'],
      insert: ['writable'],
      update: [
        'writable',
        ...[
          'artifact',
          'attempt_limit',
          'cancel_requested_at',
          'cause',
          'crashes',
          'dispatches',
          'error',
          'finished_at',
          'has_dependents',
          'held_by',
          'lease_until',
        ],
        ...[
          'next_dispatch_at',
          'progress',
          'result',
          'run_at',
          'scheduled_time',
          'seq',
          'started_at',
          'status',
          'updated_at',
        ],
      ],
    },
    attempts: { select: ['readable'] },
    batches: {
      select: ['readable'],
      insert: ['writable'],
      update: ['writable', 'cancelled', 'completed', 'failed', 'finished_at', 'seq', 'total', 'updated_at'],
    },
    task_dependencies: { select: ['readable'], insert: ['writable'] },
    pauses: { select: ['readable'], insert: ['administrable'], delete: ['administrable'] },
    uploads: { select: ['readable'], insert: ['writable'], update: ['writable'] },
    artifacts: { select: ['readable'], insert: ['writable'], update: ['writable', 'open_until', 'status'] },
    artifact_usage: {
      select: ['readable'],
      insert: ['writable'],
      update: ['writable', 'artifacts', 'bytes'],
    },
    watchlists: { select: ['readable'], insert: ['writable'], update: ['writable'], delete: ['writable'] },
    price_ticks: { select: ['all'] },
    quotas: { select: ['all'] },
    pending_tasks: { select: ['readable'], insert: ['writable'], update: ['writable'] },
    ...BOUNDS,
    ws_tickets: { insert: ['mine'] },
    audit_log: { select: ['administrable'] },
    idempotency_keys: { select: ['mine'], insert: ['mine'], update: ['mine'], delete: ['mine'] },
    mail_senders: { select: ['all'] },
    suppressions: { select: ['readable'], insert: ['writable'], delete: ['writable'] },
    suppression_usage: {
      select: ['readable'],
      insert: ['writable'],
      update: ['writable', 'suppressions'],
    },
  },
  celeriac_socket: {
    signing_keys: { select: ['all'] },
    tasks: { select: ['readable'] },
    batches: { select: ['readable'] },
    memberships: { select: ['mine', 'organization_id', 'role', 'user_id'] },
    connections: { insert: ['mine'] },
  },
  celeriac_worker: {
    ...TASK_SERVICE,
    ...LANES,
    ...BOUNDS,
    tasks: { ...TASK_SERVICE.tasks, insert: ['all'] },
    uploads: { select: ['all'], delete: ['all'] },
    organizations: { select: ['all', 'artifact_retention_days', 'id', 'max_running'] },
    artifacts: {
      select: ['all'],
      insert: ['all'],
      update: ['all', 'bytes', 'open_until', 'sha256', 'status'],
    },
    artifact_usage: { select: ['all'], insert: ['all'], update: ['all', 'artifacts', 'bytes'] },
    outbound_turns: WRITE,
    stopped_hosts: { select: ['all'] },
    task_dependencies: { select: ['all'], insert: ['all'] },
    mail_senders: { select: ['all'] },
    mail_sends: { select: ['all'], insert: ['all'], update: ['all', 'result', 'status'], delete: ['all'] },
    mail_usage: { select: ['all'], insert: ['all'], update: ['all', 'day', 'recipients'] },
    mail_pace: { select: ['all'], insert: ['all'], update: ['all', 'next_at'] },
    mail_keys: { select: ['all'], insert: ['all'] },
    suppressions: { select: ['all'] },
  },
  celeriac_dead_letters: TASK_SERVICE,
  celeriac_dispatcher: {
    ...TASK_SERVICE,
    ...LANES,
    tasks: { ...TASK_SERVICE.tasks, delete: ['ended'] },
    batches: { ...TASK_SERVICE.batches, delete: ['ended'] },
    organizations: {
      select: ['all', 'id', 'max_running', 'purged_at', 'retention_days'],
      update: ['all', 'purged_at'],
    },
    outbound_turns: { select: ['turnOver'], delete: ['turnOver'] },
    stopped_hosts: { ...WRITE, delete: ['all'] },
    pending_tasks: { ...TASK_SERVICE.pending_tasks, delete: ['all'] },
    pending_in_installation: { select: ['all'], update: ['all'] },
    near_bounds: { select: ['all'], insert: ['all'], delete: ['all'] },
    connections: { select: ['all'] },
    sessions: { select: ['all'], delete: ['expired'] },
    refresh_tokens: SWEEP,
    login_failures: SWEEP,
    request_counts: SWEEP,
    ws_tickets: SWEEP,
    audit_log: { select: ['old', 'at', 'id'], delete: ['old'] },
    idempotency_keys: SWEEP,
    uploads: { select: ['all'], update: ['all'], delete: ['all'] },
    invitations: SWEEP,
    artifacts: { select: ['all'], update: ['all', 'status'], delete: ['deleted'] },
    artifact_usage: { select: ['all'], update: ['all', 'artifacts', 'bytes'] },
  },
  celeriac_prices: {
    watchlists: { select: ['all', 'asset', 'created_at', 'currency'] },
    price_ticks: WRITE,
    price_fetches: WRITE,
  },
  // It has only the function `suppress`.
  celeriac_mail_events: {},
};

const MEMBERS_EYES = ['celeriac_auth', 'celeriac_session', 'celeriac_api', 'celeriac_socket'];

/** Roles that may call each function of the schema. Only other functions call `silence` and `is_open`. */
export const EXECUTES: Record<string, readonly string[]> = {
  // Only for code from before migration 0023.
  enter: MEMBERS_EYES,
  enter_session: MEMBERS_EYES,
  enter_organization: MEMBERS_EYES,
  entered_organization: MEMBERS_EYES,
  entered_writable_organization: MEMBERS_EYES,
  newest_task_of_each: ['celeriac_api'],
  newest_batch_of_each: ['celeriac_api'],
  role_in: ['celeriac_api'],
  is_colleague: ['celeriac_api'],
  may_write: ['celeriac_worker'],
  own_invitations: ['celeriac_api'],
  accept_invitation: ['celeriac_api'],
  decline_invitation: ['celeriac_api'],
  lock_user: ['celeriac_api'],
  is_open: [],
  current_user_id: MEMBERS_EYES,
  readable_organizations: MEMBERS_EYES,
  writable_organizations: MEMBERS_EYES,
  administrable_organizations: MEMBERS_EYES,
  create_organization: ['celeriac_auth', 'celeriac_api'],
  end_session: ['celeriac_auth', 'celeriac_session'],
  find_user: ['celeriac_api'],
  record_act: ['celeriac_api'],
  record_identity_event: ['celeriac_auth', 'celeriac_session'],
  silence_member: ['celeriac_api'],
  suppress: ['celeriac_mail_events'],
  unsubscribe: ['celeriac_api'],
  watching_connections: ['celeriac_api'],
  principal_of: ['celeriac_socket'],
  redeem_ticket: ['celeriac_socket'],
  open_connection: ['celeriac_socket'],
  followed_assets_besides: ['celeriac_api'],
  watch: ['celeriac_socket'],
  unwatch: ['celeriac_socket'],
  watch_batch: ['celeriac_socket'],
  unwatch_batch: ['celeriac_socket'],
  forget: ['celeriac_socket', 'celeriac_dispatcher'],
  silence: [],
  full_bound: ['celeriac_api', 'celeriac_worker'],
  pending_of: [],
};
