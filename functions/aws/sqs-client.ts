import * as http from 'node:http';
import * as https from 'node:https';
import { text } from 'node:stream/consumers';
import { CLIENT_SETTINGS } from './client-settings.ts';
import { type Access, signed } from './signature.ts';

/** Sends up to ten messages in one request. @throws when SQS cannot be reached, or refuses the request as a whole */
export type SendMessageBatch = (input: SendMessageBatchInput) => Promise<SendMessageBatchAnswer>;

type SendMessageBatchInput = {
  QueueUrl: string;
  Entries: {
    Id: string;
    MessageBody: string;
    MessageGroupId: string;
    DelaySeconds: number;
    MessageSystemAttributes?: { AWSTraceHeader: { DataType: 'String'; StringValue: string } };
  }[];
};

/** An answer of 200 may be a refusal of some messages. */
type SendMessageBatchAnswer = { Failed?: { Id: string; Code: string; Message?: string }[] };

const AGENTS = {
  'http:': new http.Agent({ keepAlive: true }),
  'https:': new https.Agent({ keepAlive: true }),
};

/**
 * The one operation of SQS that a request of the API waits for, without the SDK, which takes three times as long for it:
 * signed JSON over a connection that is kept. As patient as the other clients.
 *
 * @param endpoint default: the one that a queue's URL names
 */
export function sendMessageBatch(access: Access, endpoint?: string): SendMessageBatch {
  return async (input) => {
    const url = new URL('/', endpoint ?? input.QueueUrl);
    const body = JSON.stringify(input);
    for (let tries = 1; ; tries += 1) {
      try {
        const answer = await post(url, body, access);
        if (answer.status === 200) return JSON.parse(answer.body);
        throw Object.assign(new Error(`SQS answered ${answer.status}: ${answer.body.slice(0, 500)}`), answer);
      } catch (error) {
        const status = error instanceof Error && 'status' in error ? Number(error.status) : 500;
        const isWorthwhile = status >= 500 || status === 429;
        // A message that is sent twice does no harm.
        if (tries >= CLIENT_SETTINGS.maxAttempts || !isWorthwhile) throw error;
      }
    }
  };
}

function post(url: URL, body: string, access: Access): Promise<{ status: number; body: string }> {
  const given = {
    'content-type': 'application/x-amz-json-1.0',
    'x-amz-target': 'AmazonSQS.SendMessageBatch',
    // Errors by the names that the documentation gives them.
    'x-amzn-query-mode': 'true',
  };
  const headers = {
    ...signed({ url, headers: given, body }, 'sqs', access),
    'content-length': Buffer.byteLength(body),
  };
  const isHttps = url.protocol === 'https:';
  return new Promise((resolve, reject) => {
    const request = (isHttps ? https : http).request(url, {
      method: 'POST',
      headers,
      agent: isHttps ? AGENTS['https:'] : AGENTS['http:'],
      timeout: CLIENT_SETTINGS.requestHandler.requestTimeout,
    });
    request.once('timeout', () => request.destroy(new Error('SQS did not answer in time')));
    request.once('error', reject);
    request.once('response', (response) =>
      text(response).then((answer) => resolve({ status: response.statusCode ?? 0, body: answer }), reject),
    );
    request.end(body);
  });
}
