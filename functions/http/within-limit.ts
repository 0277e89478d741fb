import { problem } from './app/problem.ts';
import { LAMBDA_ANSWER_BYTES } from './pages/page.ts';

/** A Lambda function's answer to API Gateway. */
type Answer = {
  statusCode: number;
  body: string;
  isBase64Encoded: boolean;
  headers?: Record<string, unknown>;
};

/** Maximum bytes that JSON makes of one UTF-16 unit. Bodies that are short enough need not be counted. */
const MAX_BYTES_PER_UNIT = 6;

/**
 * Turns an answer that Lambda would refuse into a problem document. This is the last resort: every route bounds its
 * answers, so an answer that is too large is a fault of the route.
 */
export function withinLimit<Given extends Answer>(answer: Given): Given {
  if (answer.body.length < LAMBDA_ANSWER_BYTES / MAX_BYTES_PER_UNIT / 2) return answer;
  if (Buffer.byteLength(JSON.stringify(answer)) <= LAMBDA_ANSWER_BYTES) return answer;
  const detail = `The answer has more than ${LAMBDA_ANSWER_BYTES} bytes. Ask for fewer fields or rows`;
  return {
    ...answer,
    statusCode: 500,
    isBase64Encoded: false,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store' },
    body: JSON.stringify(problem(500, 'answer_too_large', detail)),
  };
}
