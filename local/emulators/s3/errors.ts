import type { ServerResponse } from 'node:http';

/** @see https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
export type S3Error = { status: number; code: string; message: string };

/** An error that ends a request with S3's answer. */
export class S3Refusal extends Error {
  readonly error: S3Error;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.error = { status, code, message };
  }
}

export const noSuchKey = () => new S3Refusal(404, 'NoSuchKey', 'The specified key does not exist.');

export const noSuchUpload = () =>
  new S3Refusal(
    404,
    'NoSuchUpload',
    'The specified multipart upload does not exist. The upload ID might be invalid, or the multipart upload might have been aborted or completed.',
  );

export function sendXml(response: ServerResponse, status: number, xml: string): void {
  response
    .writeHead(status, { 'content-type': 'application/xml' })
    .end(`<?xml version="1.0" encoding="UTF-8"?>\n${xml}`);
}

/** Answers with an error, and closes the connection, because the body may not have been read. */
export function sendError(response: ServerResponse, { status, code, message }: S3Error): void {
  response.setHeader('connection', 'close');
  sendXml(response, status, `<Error><Code>${code}</Code><Message>${message}</Message></Error>`);
}
