// Written by `npm run generate` from the folders of the kinds. Do not edit.

/** Loads the handler of a kind that runs in a process of its own, by the name of its folder. */
export const LOAD_TASK = {
  'data-process': () => import('../data-process/run.ts'),
  'text-process': () => import('../text-process/run.ts'),
};
