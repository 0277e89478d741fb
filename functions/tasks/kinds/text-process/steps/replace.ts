import { compile, rewrite } from '../text/matches.ts';
import { readReplacement } from './replacement.ts';
import type { Step, StepContext } from './step.ts';

export type ReplaceSettings = {
  readonly pattern: string;
  readonly flags: string;
  /** The pattern and the replacement are plain texts. */
  readonly literal: boolean;
  readonly replacement: string;
  /** Replacements at most. Default: all. */
  readonly limit?: number | undefined;
};

/** Replaces the matches of a pattern. */
export function replace(settings: ReplaceSettings, { where, yieldTurn }: StepContext): Step {
  const { replacement, literal, limit = Number.POSITIVE_INFINITY } = settings;
  const pattern = compile({ ...settings, isLiteral: literal }, `${where}/pattern`);
  const textFor = literal
    ? () => replacement
    : readReplacement(
        replacement,
        { count: pattern.groupCount(), names: pattern.namedGroups() },
        `${where}/replacement`,
      );
  let replacements = 0;
  return {
    through: (pieces) =>
      rewrite(pieces, pattern, {
        yieldTurn,
        replace: (match) => {
          if (replacements >= limit) return undefined;
          replacements += 1;
          return textFor(match);
        },
      }),
    entry: () => ({ replacements }),
  };
}
