import { SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import { expect, test } from 'vitest';
import { signed } from './signature.ts';

/**
 * What the SDK puts on its way, and when it signed it.
 *
 * @param endpoint where nobody has to listen
 */
async function signedBySdk(
  endpoint: string,
  credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string },
  text: string,
) {
  let seen: { headers: Record<string, string>; body: string } | undefined;
  const client = new SQSClient({
    endpoint,
    region: 'eu-central-1',
    credentials,
    maxAttempts: 1,
    requestHandler: {
      handle: async (request: { headers: Record<string, string>; body: string }) => {
        seen = request;
        throw new Error('seen');
      },
    },
  });
  const command = new SendMessageBatchCommand({
    QueueUrl: `${endpoint}/1/q`,
    Entries: [{ Id: '0', MessageBody: text }],
  });
  await client.send(command).catch(() => {});
  if (!seen) throw new Error('the SDK sent nothing');
  return seen;
}

for (const endpoint of ['https://sqs.eu-central-1.amazonaws.com', 'http://127.0.0.1:4566']) {
  for (const sessionToken of [undefined, 'a/session+token==']) {
    test(`the signature is the SDK's, at ${endpoint} ${sessionToken ? 'with' : 'without'} a session`, async () => {
      const credentials = {
        accessKeyId: 'AKIDEXAMPLE',
        secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
        ...(sessionToken && { sessionToken }),
      };
      const theirs = await signedBySdk(endpoint, credentials, 'text with ünicode');
      const [, names = ''] = /SignedHeaders=([^,]+)/.exec(theirs.headers.authorization ?? '') ?? [];
      const added = ['host', 'x-amz-date', 'x-amz-security-token'];
      const headers = Object.fromEntries(
        names
          .split(';')
          .filter((name) => !added.includes(name))
          .map((name) => [name, theirs.headers[name] ?? '']),
      );
      const date = theirs.headers['x-amz-date'] ?? '';
      const now = new Date(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
      const ours = signed(
        { url: new URL('/', endpoint), headers, body: theirs.body },
        'sqs',
        { region: 'eu-central-1', ...credentials },
        now,
      );
      expect(ours.authorization).toBe(theirs.headers.authorization);
      expect(ours['x-amz-security-token']).toBe(sessionToken);
    });
  }
}
