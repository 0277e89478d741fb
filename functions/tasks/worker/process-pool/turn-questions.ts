import type { OutboundTurn } from '../../store/index.ts';
import type { TakeTurn } from './in-turn.ts';

/** How an attempt in a runner takes turns: it asks the worker, which has the database, one question after the other. */
export type TurnQuestions = {
  take: TakeTurn;
  /** Passes the answer to the last question. */
  answered: (turn: OutboundTurn | undefined) => void;
};

export function turnQuestions(ask: (host: string) => void): TurnQuestions {
  let last: Promise<unknown> = Promise.resolve();
  let question = Promise.withResolvers<OutboundTurn>();
  return {
    take(host) {
      const turn = last.then(() => {
        question = Promise.withResolvers();
        ask(host);
        return question.promise;
      });
      last = turn.catch(() => {});
      return turn;
    },
    answered(turn) {
      if (turn) question.resolve(turn);
      else question.reject(new Error('The worker could not take a turn'));
    },
  };
}
