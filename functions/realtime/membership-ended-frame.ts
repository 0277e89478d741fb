/** Returns the frame for a connection whose user is no longer a member of an organization that the connection watched. */
export function membershipEndedFrame(organizationId: string): string {
  return JSON.stringify({
    type: 'error',
    code: 'membership_ended',
    error: 'You are no longer a member of this organization; its tasks and batches are no longer watched',
    errors: [],
    organization: organizationId,
  });
}
