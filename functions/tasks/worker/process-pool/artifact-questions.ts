import type { ArtifactQuestion, AskArtifacts } from '../../artifacts/questions.ts';
import type { ArtifactAnswer } from './protocol.ts';
import { reviveThrown } from './thrown.ts';

/** How an attempt in a runner uses artifacts: it asks the worker, one question after the other. */
export type ArtifactQuestions = {
  ask: AskArtifacts;
  /** Passes the answer to the last question. */
  answered: (answer: ArtifactAnswer) => void;
};

export function artifactQuestions(send: (question: ArtifactQuestion) => void): ArtifactQuestions {
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
