/** What is wrong with a line: with the field that the pointer leads to. */
export type LineError = { pointer: string; detail: string };

export const KEY_TAKEN: LineError = {
  pointer: '/unique_key',
  detail: 'A live task, or an earlier line, has this key',
};

/** Of a line that an attempt before this one has left out: what the task would have waited for was lost since the check. */
export const DEPENDENCY_LOST: LineError = {
  pointer: '/depends_on',
  detail: 'A task that this one depends on has failed, was cancelled, or is gone',
};
