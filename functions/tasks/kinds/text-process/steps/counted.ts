/** Things that `count` counts, in the order of the result. */
export const COUNTED = ['bytes', 'code_points', 'graphemes', 'words', 'sentences', 'lines'] as const;

export type Counted = (typeof COUNTED)[number];
