import { v7 as uuidv7 } from 'uuid';
import { connect, type Database } from '../connect.ts';
import type { Principal, Role } from '../enter.ts';
import { createTestDatabase, type TestDatabase } from './test-database.ts';

/** A member of a fresh organization, for tests that begin after registration. */
export type Member = Principal & { organizationId: string };

/** A migrated database for one test, and connections to it as the functions have them. */
export type DatabaseFixture = {
  database: TestDatabase;
  /** Connects as the superuser, whom row-level security does not bind: for looking behind the scenes. */
  admin: Database;
  /** Opens a connection with the role of the named function. `close` ends it. */
  as: (functionName: string) => Database;
  /** Creates a user with a session and a personal organization. */
  member: () => Promise<Member>;
  /** Adds a membership of the user. */
  join: (user: Principal, organizationId: string, role: Role) => Promise<void>;
  close: () => Promise<void>;
};

export async function databaseFixture(): Promise<DatabaseFixture> {
  const database = await createTestDatabase();
  const opened: Database[] = [];
  const open = (url: string) => {
    const db = connect(url);
    opened.push(db);
    return db;
  };
  const admin = open(database.superuserUrl);
  return {
    database,
    admin,
    as: (functionName) => open(database.urlFor(functionName)),
    async member() {
      const [userId, sessionId, organizationId] = [uuidv7(), uuidv7(), uuidv7()];
      const email = `${userId}@example.com`;
      await admin`insert into users (id, email, username, password_hash) values (${userId}, ${email}, ${email}, '-')`;
      await admin`insert into sessions (id, user_id, expires_at) values (${sessionId}, ${userId}, now() + interval '1 day')`;
      await admin`insert into organizations (id, name, personal, created_by) values (${organizationId}, 'Home', true, ${userId})`;
      await admin`insert into memberships (organization_id, user_id, role) values (${organizationId}, ${userId}, 'owner')`;
      return { userId, sessionId, organizationId };
    },
    async join({ userId }, organizationId, role) {
      await admin`insert into memberships (organization_id, user_id, role) values (${organizationId}, ${userId}, ${role})`;
    },
    async close() {
      await Promise.all(opened.map((db) => db.end({ timeout: 5 })));
      await database.drop();
    },
  };
}
