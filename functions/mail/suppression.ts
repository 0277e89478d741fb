/** Why an organization sends no mail to an address any more. */
export const SUPPRESSION_REASONS = ['bounce', 'complaint', 'unsubscribe', 'manual'] as const;

export type SuppressionReason = (typeof SUPPRESSION_REASONS)[number];

/** An address to which an organization sends no mail. */
export type Suppression = {
  /** In lower case, the domain in ASCII. */
  address: string;
  reason: SuppressionReason;
  /** The mail server's own words. */
  detail: string | null;
  /** The task whose mail bounced, or was complained about. */
  taskId: string | null;
  /** The user who added the address. */
  createdBy: string | null;
  createdAt: Date;
};
