import { Logger } from '@aws-lambda-powertools/logger';

/** Structured logs, one JSON object per line. Service name and level come from the POWERTOOLS_ variables. */
export const logger = new Logger();

/** Logs a fault once, with its cause. */
export function logFault(message: string, details: Record<string, unknown>): void {
  logger.error(message, details);
}
