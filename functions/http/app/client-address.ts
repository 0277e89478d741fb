import type { LambdaEvent } from 'hono/aws-lambda';

/**
 * Returns the address of the client that sent a request.
 *
 * Behind the front door, API Gateway's own `sourceIp` is an address of CloudFront. There, `origin-check` checks the front
 * door's secret and hands over the client address that the front door saw. No header is read here, because a client can
 * send any header.
 *
 * @returns undefined without an event; every deployed function has an event
 */
export function clientAddress(event: LambdaEvent | undefined): string | undefined {
  const context = event?.requestContext as Context | undefined;
  return context?.authorizer?.lambda?.clientAddress ?? context?.http?.sourceIp;
}

/** The parts of an event's context that are read here. The authorizer's function adds `lambda`. */
type Context = {
  http?: { sourceIp?: string };
  authorizer?: { lambda?: { clientAddress?: string } };
};
