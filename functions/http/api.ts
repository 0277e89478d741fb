import type { OrganizationDeps } from '../organizations/operations/organizations.ts';
import type { Bucket } from '../tasks/artifacts/bucket.ts';
import type { ChangeDeps } from '../tasks/commands/change.ts';
import { type App, createApp, type LogFault } from './app/app.ts';
import { authenticate } from './app/authenticate.ts';
import { idempotency } from './app/idempotency.ts';
import { registerDocumentation } from './documentation.ts';
import { registerArtifactRoutes } from './routes/artifacts.ts';
import { registerAuditRoutes } from './routes/audit-log.ts';
import { registerBatchRoutes } from './routes/batches/batches.ts';
import { registerBulkActionRoutes } from './routes/batches/bulk-actions.ts';
import { registerGraphRoutes } from './routes/batches/graph.ts';
import { registerImportRoutes } from './routes/batches/imports.ts';
import { registerSuppressionRoutes } from './routes/mail/suppressions.ts';
import { registerUnsubscribeRoutes } from './routes/mail/unsubscribe.ts';
import { registerInvitationRoutes } from './routes/organizations/invitations.ts';
import { registerOrganizationRoutes } from './routes/organizations/organizations.ts';
import { registerPauseRoutes } from './routes/pauses.ts';
import { registerPriceRoutes } from './routes/prices.ts';
import { registerTaskKindRoutes } from './routes/tasks/task-kinds.ts';
import { registerTaskRoutes } from './routes/tasks/tasks.ts';
import { registerTicketRoutes } from './routes/tickets.ts';

export type ApiDeps = ChangeDeps &
  OrganizationDeps & { artifacts: Bucket } & Parameters<typeof authenticate>[0];

/** Creates the API except the routes for logging in. Every route here needs an access token, except the API's documentation and the links in mails. */
export function createApi(deps: ApiDeps, logFault: LogFault): App {
  const app = createApp(logFault);
  registerDocumentation(app);
  registerUnsubscribeRoutes(app, deps);
  // Before all routes that follow: a new route needs a token unless it is opened on purpose.
  app.use('/api/*', authenticate(deps));
  app.use('/api/*', idempotency(deps, app));
  // Before the routes of single tasks: one of them would take `bulk` for a task id.
  registerBatchRoutes(app, deps);
  registerGraphRoutes(app, deps);
  registerImportRoutes(app, deps);
  registerBulkActionRoutes(app, deps);
  registerTaskRoutes(app, deps);
  registerTaskKindRoutes(app);
  registerArtifactRoutes(app, deps);
  registerSuppressionRoutes(app, deps);
  registerPauseRoutes(app, deps);
  registerTicketRoutes(app, deps);
  registerOrganizationRoutes(app, deps);
  registerAuditRoutes(app, deps);
  registerInvitationRoutes(app, deps);
  registerPriceRoutes(app, deps);
  return app;
}
