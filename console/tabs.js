// @ts-check

/**
 * @typedef {{ access: string | null, refresh: string | null }} Tokens
 * @typedef {'began' | 'renewed' | 'ended' | 'expired'} SessionChange
 */

/** How long a new tab waits for another one to hand over the session, in milliseconds. */
const ANSWER_MS = 200;

/**
 * Keeps the tabs of one browser in one session. A refresh token works once: a duplicated tab that used its copy would
 * end the session of both, and a link opened in a new tab would have to log in again.
 *
 * @param {{ current: () => Tokens, adopt: (tokens: Tokens, change: SessionChange) => void }} session
 */
export function joinTabs({ current, adopt }) {
  const channel = new BroadcastChannel('celeriac-session');
  let answered = () => {};

  channel.onmessage = ({ data: { type, tokens } }) => {
    if (type === 'ask') {
      if (current().refresh) channel.postMessage({ type: 'handover', tokens: current() });
      return;
    }
    // A handover is for whoever asked; the others keep what they have.
    if (type !== 'handover') adopt(tokens, type);
    else if (!current().refresh) adopt(tokens, 'began');
    answered();
  };

  return {
    /** @param {Tokens} tokens as they are now @param {SessionChange} change */
    tell: (tokens, change) => channel.postMessage({ type: change, tokens }),

    /** Resolves when another tab has handed over its session, or none has. */
    ask: () =>
      new Promise((/** @type {(value?: unknown) => void} */ resolve) => {
        answered = resolve;
        setTimeout(resolve, ANSWER_MS);
        channel.postMessage({ type: 'ask' });
      }),
  };
}
