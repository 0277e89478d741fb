import type { AnswerOr } from './protocol.ts';
import { reviveThrown } from './thrown.ts';

/** How an attempt in a runner asks the worker, which has the database: one question of a type after the other. */
export type HandlerQuestions<Question> = {
  /** Resolves to what belongs to the question. */
  ask: (question: Question) => Promise<never>;
  /** Passes the answer to the last question. */
  answered: (answer: AnswerOr<unknown>) => void;
};

export function handlerQuestions<Question>(send: (question: Question) => void): HandlerQuestions<Question> {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = Promise.withResolvers<unknown>();
  return {
    ask(question) {
      const answer = last.then(() => {
        waiting = Promise.withResolvers();
        send(question);
        return waiting.promise;
      });
      last = answer.catch(() => {});
      // The worker answers each question with what belongs to it.
      return answer as Promise<never>;
    },
    answered(answer) {
      if ('thrown' in answer) waiting.reject(reviveThrown(answer.thrown));
      else waiting.resolve(answer.answered);
    },
  };
}
