import {
  boolean,
  customType,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  timestamp,
  uuid,
} from 'drizzle-orm/pg-core';
import type { Role } from './enter.ts';

/*
 * The tables of ordinary reads and writes, for drizzle's query builder. The migrations are the truth: only they hold constraints,
 * indexes and policies. A test compares these columns with the migrated database.
 */

const bytea = customType<{ data: Buffer }>({ dataType: () => 'bytea' });
const time = (name: string) => timestamp(name, { withTimezone: true });
const madeAt = () => time('created_at').notNull().defaultNow();

export const users = pgTable('users', {
  id: uuid('id').primaryKey(),
  email: text('email').notNull(),
  username: text('username').notNull(),
  name: text('name').notNull().default(''),
  /** Only the auth function's role may read this column, so name the columns that you need. */
  passwordHash: text('password_hash').notNull(),
  createdAt: madeAt(),
});

export const organizations = pgTable('organizations', {
  id: uuid('id').primaryKey(),
  name: text('name').notNull(),
  personal: boolean('personal').notNull().default(false),
  createdBy: uuid('created_by'),
  /** Limit of tasks of the organization that run at once. Null: as many as there are workers. */
  maxRunning: integer('max_running'),
  /** Days for which finished tasks are kept. */
  retentionDays: integer('retention_days').notNull().default(30),
  /** Days for which new artifacts are kept. */
  artifactRetentionDays: integer('artifact_retention_days').notNull().default(30),
  /** When the dispatcher last looked for rows past their retention. */
  purgedAt: time('purged_at').notNull().defaultNow(),
  createdAt: madeAt(),
  updatedAt: time('updated_at').notNull().defaultNow(),
});

export const memberships = pgTable(
  'memberships',
  {
    organizationId: uuid('organization_id').notNull(),
    userId: uuid('user_id').notNull(),
    role: text('role').$type<Role>().notNull(),
    createdAt: madeAt(),
  },
  (table) => [primaryKey({ columns: [table.organizationId, table.userId] })],
);

export const sessions = pgTable('sessions', {
  id: uuid('id').primaryKey(),
  userId: uuid('user_id').notNull(),
  createdAt: madeAt(),
  expiresAt: time('expires_at').notNull(),
  revokedAt: time('revoked_at'),
  revokedReason: text('revoked_reason'),
});

export const refreshTokens = pgTable('refresh_tokens', {
  tokenHash: bytea('token_hash').primaryKey(),
  sessionId: uuid('session_id').notNull(),
  createdAt: madeAt(),
  expiresAt: time('expires_at').notNull(),
  usedAt: time('used_at'),
});

export const loginFailures = pgTable('login_failures', {
  account: bytea('account').primaryKey(),
  failures: integer('failures').notNull(),
  expiresAt: time('expires_at').notNull(),
});

export const requestCounts = pgTable('request_counts', {
  subject: bytea('subject').primaryKey(),
  requests: integer('requests').notNull(),
  expiresAt: time('expires_at').notNull(),
});

export const signingKeys = pgTable('signing_keys', {
  kid: text('kid').primaryKey(),
  publicJwk: jsonb('public_jwk').notNull(),
  createdAt: madeAt(),
});

export const wsTickets = pgTable('ws_tickets', {
  ticketHash: bytea('ticket_hash').primaryKey(),
  userId: uuid('user_id').notNull(),
  sessionId: uuid('session_id').notNull(),
  expiresAt: time('expires_at').notNull(),
});

export const watchlists = pgTable(
  'watchlists',
  {
    organizationId: uuid('organization_id').notNull(),
    asset: text('asset').notNull(),
    currency: text('currency').notNull().default('usd'),
    createdAt: madeAt(),
    followedBy: uuid('followed_by'),
  },
  (table) => [primaryKey({ columns: [table.organizationId, table.asset, table.currency] })],
);
