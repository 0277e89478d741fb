/** Acts that the audit log records. */
export const AUDIT_ACTIONS = [
  'user.registered',
  'session.started',
  'session.refused',
  'session.ended',
  'session.token_reused',
  'signing_key.published',
  'organization.created',
  'organization.changed',
  'organization.deleted',
  'member.added',
  'member.role_changed',
  'member.removed',
  'member.left',
  'invitation.created',
  'invitation.accepted',
  'invitation.withdrawn',
  'pause.added',
  'pause.removed',
] as const;

export type AuditAction = (typeof AUDIT_ACTIONS)[number];
