/** An error of a line, in the field at the pointer. */
export type LineError = { pointer: string; detail: string };

export const KEY_TAKEN: LineError = {
  pointer: '/unique_key',
  detail: 'A live task, or an earlier line, has this key',
};

/** For a line that an earlier attempt has left out: its dependency was lost after the check. */
export const DEPENDENCY_LOST: LineError = {
  pointer: '/depends_on',
  detail: 'A task that this one depends on has failed, was cancelled, or is gone',
};
