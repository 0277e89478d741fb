/** The tags of operations, which are the headings of the documentation. */
export const TAGS = {
  Identity: 'Users, sessions and tokens. Log in, and send `Authorization: Bearer <access>`.',
  Tasks: 'One task: schedule, read, reschedule, cancel, retry.',
  Batches: 'Thousands of tasks, created by one request or from a file, watched and changed together.',
  Artifacts: 'Files of an organization, which tasks read and create.',
  Mail: 'Addresses that get no mail of an organization.',
  Pauses: 'Kinds and queues whose tasks an organization does not start for now.',
  WebSocket: 'Tickets for the WebSocket, which streams changes.',
  Organizations: 'Organizations own everything else. Their members, and their settings.',
  Invitations: 'An owner or admin invites a user, who becomes a member by accepting.',
  Prices: 'Prices of the assets on the watchlist of an organization.',
  Documentation: 'This document, and a readable page of it.',
} as const;

export type Tag = keyof typeof TAGS;
