import * as z from 'zod';
import { defineKind, type Kind } from '../../../define-task.ts';

const NAMES = [
  'isolated.echo',
  'isolated.environment',
  'isolated.spin',
  'isolated.wait',
  'isolated.compute',
  'isolated.list',
  'isolated.buffers',
  'isolated.exit',
  'isolated.uncaught',
  'isolated.permanent',
  'isolated.retry',
  'isolated.bug',
  'isolated.wordless',
  'isolated.large',
  'isolated.fetch',
  'isolated.hostile',
  'isolated.chatter',
  'isolated.intrude',
  'isolated.artifacts',
  'isolated.inputs',
  'isolated.unloadable',
] as const;

export type IsolatedName = (typeof NAMES)[number];

/** Kinds that run isolated, for tests; `program.ts` runs them. */
export const ISOLATED_KINDS: ReadonlyMap<string, Kind> = new Map(
  NAMES.map((kind) => [
    kind,
    defineKind({ kind, payload: z.json(), limits: { soft: '60s', hard: '90s' }, retry: { base: 0.001 } }),
  ]),
);
