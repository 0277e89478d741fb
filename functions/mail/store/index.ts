export * from './sends.ts';
export * from './suppressions.ts';
