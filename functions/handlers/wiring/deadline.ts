import type { Context } from 'aws-lambda';

/** Seconds until Lambda kills this invocation. */
export function deadline(context: Context): () => number {
  return () => context.getRemainingTimeInMillis() / 1000;
}
