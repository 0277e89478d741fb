/**
 * Every code of a refusal, with its meaning. Clients branch on codes, so a code never changes its meaning. This list is
 * the source of the table in the API's documentation, of the enumeration in `/api/openapi.json`, and of docs/api.md.
 */
export const REFUSAL_CODES = {
  invalid: {
    invalid_request: 'A field, parameter or header breaks a rule; `errors` names it',
    invalid_json: 'The body, or the message of a WebSocket, is not JSON in UTF-8',
  },
  unauthenticated: {
    not_authenticated: 'The request has no access token',
    token_not_valid: 'The token is wrong, expired, or of another kind',
    session_ended: 'The session of the token has ended; log in again',
    no_active_account: 'Username, email or password are wrong',
    ticket_not_valid: 'The ticket of a WebSocket is unknown, used or expired',
  },
  forbidden: {
    role_insufficient: 'Your role in the organization does not allow it; `role` has it',
    sender_not_verified: 'The installation may not send mail from the address in `from`',
  },
  not_found: {
    organization_not_found: 'There is no such organization, or you are not a member of it',
    task_not_found: 'There is no such task, or you may not see it',
    batch_not_found: 'There is no such batch, or you may not see it',
    artifact_not_found:
      'There is no such artifact in the organization: it was deleted, has expired, or was never uploaded',
    upload_not_found: 'There is no such upload: it is not complete yet, or was deleted',
    report_not_found: 'The import found no invalid lines, or the report was deleted',
    dependency_not_found: 'A task in `depends_on` does not exist in the organization',
    pause_not_found: 'The kind or queue is not paused',
    member_not_found: 'There is no such member',
    invitation_not_found: 'There is no such invitation, or it is no longer open',
    suppression_not_found: 'The organization has not suppressed the address',
    unsubscribe_link_not_valid: 'The link for unsubscribing is not complete, or its organization was deleted',
    not_watched: 'The asset is not on the watchlist',
  },
  conflict: {
    task_not_cancellable: 'The task has ended; `task_status` has its status',
    task_not_retryable: 'The task has not ended, or is `COMPLETED`',
    task_not_reschedulable: 'The task has started or ended',
    unique_key_taken: 'Another unfinished task has the `unique_key`; `tasks` names it',
    dependency_failed: 'A task in `depends_on` has failed or was cancelled',
    idempotency_key_in_use: 'The first request with this `Idempotency-Key` is still under way',
    already_taken: 'A user with this email or username exists',
    already_a_member: 'The invited user is a member',
    already_invited: 'There is an open invitation for this name',
    last_owner: 'The organization would lose its last owner',
    personal_organization: 'A personal organization cannot be deleted, and keeps its owner',
    membership_changed: 'The membership changed at this moment; try again',
    too_many_organizations: 'The user owns the maximum number of organizations',
    too_many_memberships: 'The user is a member of the maximum number of organizations',
    too_many_members: 'The organization has the maximum number of members',
    too_many_invitations: 'The organization has the maximum number of open invitations',
    artifact_not_uploaded: 'The content of the artifact was not uploaded yet',
    too_many_artifacts: 'The organization has the maximum number of artifacts; `limit` and `used` tell',
    artifacts_too_large:
      'The artifacts of the organization have the maximum number of bytes; `limit` and `used` tell',
    too_many_uploads: 'The organization has the maximum number of uploads without an import',
    uploads_too_large: 'The uploads of the organization have the maximum number of bytes',
    too_many_suppressions: 'The organization suppresses the maximum number of addresses; `limit` tells',
    watchlist_full: 'The watchlist has the maximum number of entries',
    too_many_assets: 'The user follows the maximum number of assets, over all organizations',
    too_many_subscriptions: 'The connection watches the maximum number of tasks or batches',
    too_many_watchers: 'The maximum number of connections watch the task or batch',
  },
  too_large: {
    body_too_large: 'The body is too large',
  },
  unsupported_media_type: {
    json_expected: 'The body must be JSON, with `Content-Type: application/json`',
    form_expected: 'The body must be a form',
    encoding_not_supported: 'The body must not be compressed',
  },
  unprocessable: {
    idempotency_key_reused: 'Another request was made with this `Idempotency-Key`',
  },
  too_many_requests: {
    too_many_logins: 'Too many logins from this address, or too many failed logins for this account from it',
    too_many_registrations: 'Too many registrations from this address',
    too_many_pending:
      'The organization, the user or the installation has the maximum number of unfinished tasks; `full` says which',
    too_many_connections: 'The user has the maximum number of WebSockets',
    too_many_messages: 'The connection sent too many messages, and is closed',
  },
} as const;
