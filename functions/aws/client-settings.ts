/**
 * Of every AWS client: the SDK waits for ever by default, and a network that swallows packets would take whole
 * invocations along. Milliseconds; at most two tries, so that a call is over in some six seconds.
 */
export const CLIENT_SETTINGS = {
  maxAttempts: 2,
  requestHandler: { connectionTimeout: 1_000, requestTimeout: 2_000, throwOnRequestTimeout: true },
} as const;
