// Written by `npm run generate` from the folders of the kinds. Do not edit.
import dataProcess from '../data-process/run.ts';

/** Handlers that run in a process of their own. */
export const TASKS = [dataProcess] as const;
