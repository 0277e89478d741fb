// Written by `npm run generate` from the folders of the kinds. Do not edit.
import dataProcess from '../data-process/inline.ts';
import httpRequest from '../http-request/inline.ts';

/** Handlers that run in the worker itself. */
export const INLINE_TASKS = [dataProcess, httpRequest] as const;
