// Written by `npm run generate` from the folders of the kinds. Do not edit.
import dataProcess from '../data-process/kind.ts';
import emailSend from '../email-send/kind.ts';
import httpRequest from '../http-request/kind.ts';
import textProcess from '../text-process/kind.ts';

/** Every kind that can be asked for, as data. */
export const KINDS = [dataProcess, emailSend, httpRequest, textProcess] as const;
