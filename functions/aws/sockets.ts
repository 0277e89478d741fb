import {
  type ApiGatewayManagementApiClient,
  DeleteConnectionCommand,
  GoneException,
  PostToConnectionCommand,
} from '@aws-sdk/client-apigatewaymanagementapi';
import type { CloseConnection, PostFrame } from '../realtime/frames.ts';

/** Posts to WebSocket connections through API Gateway's management API. */
export function postFrame(client: ApiGatewayManagementApiClient): PostFrame {
  return async (connectionId, frame, signal) => {
    try {
      await client.send(
        new PostToConnectionCommand({ ConnectionId: connectionId, Data: Buffer.from(frame) }),
        {
          abortSignal: signal,
        },
      );
      return 'sent';
    } catch (error) {
      if (isGone(error)) return 'gone';
      throw error;
    }
  };
}

export function closeConnection(client: ApiGatewayManagementApiClient): CloseConnection {
  return async (connectionId) => {
    try {
      await client.send(new DeleteConnectionCommand({ ConnectionId: connectionId }));
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  };
}

/** Returns true when the connection is gone. The SDK does not always type a 410 as GoneException. */
function isGone(error: unknown): boolean {
  if (error instanceof GoneException) return true;
  const metadata = error instanceof Error && '$metadata' in error ? error.$metadata : undefined;
  return (
    typeof metadata === 'object' &&
    metadata !== null &&
    'httpStatusCode' in metadata &&
    metadata.httpStatusCode === 410
  );
}
