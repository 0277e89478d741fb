// Written by `npm run generate` from the folders of the kinds. Do not edit.
import dataProcess from '../data-process/run.ts';

/** What runs in a process of its own. */
export const TASKS = [dataProcess] as const;
