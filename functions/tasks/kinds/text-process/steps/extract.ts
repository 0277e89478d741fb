import type { Json } from '../../../define-task.ts';
import { compile, type Match, rewrite } from '../text/matches.ts';
import { Spool } from '../text/spool.ts';
import type { Step, StepContext } from './step.ts';
import { storedFile } from './stored-file.ts';

export type ExtractSettings = {
  readonly pattern: string;
  readonly flags: string;
  /** The pattern is a plain text. */
  readonly literal: boolean;
  /** Matches that are kept. All are counted. */
  readonly limit: number;
};

/** Finds the matches of a pattern, with their places and groups. Many of them become an artifact, one line of NDJSON for each. */
export function extract(settings: ExtractSettings, context: StepContext): Step {
  const { where, yieldTurn, artifacts } = context;
  const pattern = compile({ ...settings, isLiteral: settings.literal }, `${where}/pattern`);
  const names = Object.entries(pattern.namedGroups());
  const spool = new Spool(artifacts, { name: 'matches.ndjson', mediaType: 'application/x-ndjson' });
  let matches = 0;
  let waiting = '';

  const lineOf = ({ offset, text, groups }: Match): string => {
    const named = Object.fromEntries(names.map(([name, group]) => [name, groups[group - 1] ?? null]));
    return JSON.stringify({
      offset,
      text,
      ...(groups.length > 0 && { groups }),
      ...(names.length > 0 && { named }),
    });
  };
  const flush = async () => {
    const lines = waiting;
    waiting = '';
    if (lines !== '') await spool.write(lines);
  };
  return {
    async *through(pieces) {
      const unchanged = rewrite(pieces, pattern, {
        yieldTurn,
        replace: (match) => {
          matches += 1;
          if (matches <= settings.limit) waiting += `${lineOf(match)}\n`;
          return match.text;
        },
      });
      for await (const piece of unchanged) {
        await flush();
        yield piece;
      }
      await flush();
    },
    async entry() {
      const spooled = await spool.end();
      const kept = { count: matches, ...(matches > settings.limit && { kept: settings.limit }) };
      if ('artifact' in spooled) return { ...kept, artifact: storedFile(spooled.artifact) };
      const lines = spooled.text.split('\n').slice(0, -1);
      return { ...kept, matches: lines.map((line): Json => JSON.parse(line)) };
    },
  };
}
