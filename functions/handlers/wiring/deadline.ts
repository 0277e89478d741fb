import type { Context } from 'aws-lambda';

/** Returns a function that returns the seconds until Lambda kills this invocation. */
export function deadline(context: Context): () => number {
  return () => context.getRemainingTimeInMillis() / 1000;
}
