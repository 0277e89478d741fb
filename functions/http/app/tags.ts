/** The tags of operations, which are the headings of the documentation. */
export const TAGS = {
  Identity: 'Users, sessions and tokens. Log in, and send `Authorization: Bearer <access>`.',
  Tasks: 'One task: schedule, read, reschedule, cancel, run again.',
  Batches: 'Tasks by the thousand: made at once, by request or from a file, watched and changed as one.',
  Pauses: 'Kinds and queues of which an organization starts nothing more for now.',
  WebSocket: 'Logins for the stream of changes.',
  Organizations: 'Owners of everything else, and their members.',
  Invitations: 'How users become members: invited by an owner or admin, and not without accepting.',
  Prices: 'Prices of what an organization follows.',
  Documentation: 'This document, and a page for people.',
} as const;

export type Tag = keyof typeof TAGS;
