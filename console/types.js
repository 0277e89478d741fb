// @ts-check

/*
 * What the API answers, as far as the console looks at it.
 */

/** @typedef {'PENDING' | 'SCHEDULED' | 'RUNNING' | 'COMPLETED' | 'FAILED' | 'CANCELLED'} TaskStatus */

/** @typedef {{ code: string, message: string, [detail: string]: unknown }} TaskError */

/**
 * Times are RFC 3339.
 *
 * @typedef {{
 *   id: string, name: string, description: string, kind: string, status: TaskStatus, payload?: unknown,
 *   result: unknown, error: TaskError | null, organization: string,
 *   scheduled_time: string, created_at: string, updated_at: string,
 *   started_at: string | null, finished_at: string | null,
 *   next_attempt_at: string | null, cancel_requested_at: string | null,
 *   attempt: number, max_retries: number, seq: number,
 * }} Task
 */

/**
 * What the WebSocket says of a task after a change.
 *
 * @typedef {Pick<Task, 'id' | 'status' | 'result' | 'seq' | 'attempt' | 'error' | 'next_attempt_at'
 *   | 'cancel_requested_at' | 'updated_at'> & { result_omitted?: boolean }} Frame
 */

/** @typedef {{ id: string, email: string, name: string }} User */

/** @typedef {{ id: string, name: string, role: 'owner' | 'admin' | 'member' | 'viewer', personal: boolean }} Organization */

/**
 * Decimals are text, with the provider's digits.
 *
 * @typedef {{
 *   asset: string, currency: string, price: string | null, change_24h: string | null,
 *   as_of: string | null, stale: boolean, source: string | null,
 * }} Price
 */

/** Makes this file a module: it holds types only. */
export {};
