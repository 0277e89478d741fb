/**
 * Settings of every AWS client. By default, the SDK waits for ever, and a network that drops packets would use up whole
 * invocations. Times are in milliseconds. With at most two tries, a call ends after about six seconds.
 */
export const CLIENT_SETTINGS = {
  maxAttempts: 2,
  requestHandler: { connectionTimeout: 1_000, requestTimeout: 2_000, throwOnRequestTimeout: true },
} as const;
