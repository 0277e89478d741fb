import type { LambdaEvent } from 'hono/aws-lambda';

/**
 * The address of the client that sent a request.
 *
 * Behind the front door API Gateway's own `sourceIp` is CloudFront's. There, `origin-check` hands over the address that the front
 * door saw, after it has checked the front door's secret. No header is read here: a client can send any header.
 *
 * @returns undefined without an event, which every deployed function has
 */
export function clientAddress(event: LambdaEvent | undefined): string | undefined {
  const context = event?.requestContext as Context | undefined;
  return context?.authorizer?.lambda?.clientAddress ?? context?.http?.sourceIp;
}

/** What is read of an event's context. `lambda` is what an authorizer's function has added. */
type Context = {
  http?: { sourceIp?: string };
  authorizer?: { lambda?: { clientAddress?: string } };
};
