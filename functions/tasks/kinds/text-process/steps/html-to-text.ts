import { convert } from 'html-to-text';
import { MAX_HTML_DEPTH, MAX_WHOLE } from '../text/bounds.ts';
import { inPieces, whole } from '../text/pieces.ts';
import type { Step, StepContext } from './step.ts';

export type HtmlSettings = {
  /** Addresses of links stand behind their texts. */
  readonly links: boolean;
  /** Longest line. Default: lines are not wrapped. */
  readonly wrap?: number | undefined;
};

/** Turns HTML into the text that a reader would see. */
export function htmlToText({ links, wrap }: HtmlSettings, { where, yieldTurn }: StepContext): Step {
  let bytes = 0;
  return {
    async *through(pieces) {
      const html = await whole(pieces, { max: MAX_WHOLE.html_to_text, where });
      await yieldTurn();
      const text = convert(html, {
        wordwrap: wrap ?? false,
        limits: { maxDepth: MAX_HTML_DEPTH, maxInputLength: MAX_WHOLE.html_to_text },
        selectors: [
          { selector: 'a', options: { ignoreHref: !links } },
          { selector: 'img', format: 'skip' },
        ],
      });
      bytes = Buffer.byteLength(text);
      yield* inPieces(text);
    },
    entry: () => ({ bytes }),
  };
}
