import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { startLoopbackServer } from '../process/loopback-server.ts';
import { ACCOUNT, REGION } from '../template/physical.ts';
import { type BusEvent, eventTime } from './eventbridge/event-rules.ts';
import { endpointGuard } from './http/endpoint-guard.ts';
import { type Lambda, LambdaRefusal } from './lambda/lambda.ts';
import type { Ses } from './ses/ses.ts';

/** The emulators that functions call through the AWS SDK. */
export interface AwsServices {
  readonly lambda: Pick<Lambda, 'invoke' | 'invokeLater'>;
  /** Secret strings by ARN. */
  readonly secrets: ReadonlyMap<string, string>;
  readonly publish: (bus: string, event: BusEvent) => void;
  readonly ses: Ses;
  /** Answers `/<stage>/@connections/<id>`. */
  readonly connections: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
}

export interface AwsApi {
  /** Address without a trailing slash. Its path is a random secret of this start. */
  readonly endpoint: string;
  /**
   * Random access key id of this start. A request signed with another id reads no secrets, publishes no events and sends no mail,
   * because a task may also reach this port.
   */
  readonly accessKeyId: string;
  /** Begins to serve. Before this call, every request is refused with 503. */
  serve(services: AwsServices): void;
  stop(): Promise<void>;
}

interface PutEventsEntry {
  Source?: string;
  DetailType?: string;
  Detail?: string;
  EventBusName?: string;
  Time?: number;
  Resources?: string[];
}

type Answer = { status: number; body?: unknown; headers?: Record<string, string> };

/** Operations of the JSON protocols, by `X-Amz-Target`. */
const OPERATIONS: Record<string, (input: Record<string, unknown>, services: AwsServices) => Answer> = {
  'secretsmanager.GetSecretValue': ({ SecretId }, { secrets }) => {
    const SecretString = secrets.get(String(SecretId));
    if (SecretString === undefined)
      return refusal('ResourceNotFoundException', "Secrets Manager can't find the specified secret.");
    const Name = String(SecretId).split(':').at(-1);
    return { status: 200, body: { ARN: SecretId, Name, SecretString, VersionStages: ['AWSCURRENT'] } };
  },
  'AWSEvents.PutEvents': ({ Entries }, { publish }) => {
    const entries = (Array.isArray(Entries) ? Entries : []) as PutEventsEntry[];
    if (entries.length < 1 || entries.length > 10) {
      return refusal(
        'ValidationException',
        `Member must have length between 1 and 10, not ${entries.length}`,
      );
    }
    const results = entries.map((entry) => putEvent(entry, publish));
    return {
      status: 200,
      body: { FailedEntryCount: results.filter((result) => 'ErrorCode' in result).length, Entries: results },
    };
  },
};

/** Starts one loopback server that speaks the protocols of the AWS services that functions call. */
export async function startAwsApi(): Promise<AwsApi> {
  let services: AwsServices | undefined;
  const accessKeyId = `LOCAL${randomUUID().replaceAll('-', '').toUpperCase()}`;
  const guard = endpointGuard();
  const { url, stop } = await startLoopbackServer((request, response) => {
    if (!guard.admits(request, response)) return;
    if (services)
      void answer(request, response, { ...services, accessKeyId }).catch(() => response.destroy());
    else response.writeHead(503).end();
  });
  return {
    endpoint: url + guard.path,
    accessKeyId,
    serve: (given) => {
      services = given;
    },
    stop,
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  services: AwsServices & Pick<AwsApi, 'accessKeyId'>,
): Promise<void> {
  const path = decodeURIComponent((request.url ?? '/').split('?')[0] ?? '/');
  if (path.includes('/@connections/')) return services.connections(request, response);
  const body = await text(request);
  const functionName = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/.exec(path)?.[1];
  const isEvent = request.headers['x-amz-invocation-type'] === 'Event';
  const { status, headers, ...rest } = functionName
    ? await invoke(services.lambda, functionName, { payload: body || '{}', isEvent })
    : request.headers.authorization?.includes(`Credential=${services.accessKeyId}/`)
      ? await (services.ses.answer(request.method, path, body) ??
          operate(String(request.headers['x-amz-target']), body, services))
      : refusal('UnrecognizedClientException', 'The security token included in the request is invalid');
  response.writeHead(status, {
    'content-type': 'application/x-amz-json-1.1',
    'x-amzn-requestid': randomUUID(),
    ...headers,
  });
  response.end(typeof rest.body === 'string' ? rest.body : JSON.stringify(rest.body ?? {}));
}

function operate(target: string, body: string, services: AwsServices): Answer {
  const operation = OPERATIONS[target];
  if (!operation) return refusal('UnknownOperationException', `the local runtime does not know ${target}`);
  return operation(JSON.parse(body || '{}'), services);
}

/** @param isEvent true: the caller does not wait for the result */
async function invoke(
  lambda: AwsServices['lambda'],
  name: string,
  { payload, isEvent }: { payload: string; isEvent: boolean },
): Promise<Answer> {
  try {
    if (isEvent) {
      lambda.invokeLater(name, payload);
      return { status: 202, body: '' };
    }
    const { payload: body, functionError } = await lambda.invoke(name, payload);
    const failed = functionError ? { 'x-amz-function-error': functionError } : undefined;
    return { status: 200, body, headers: { 'x-amz-executed-version': '$LATEST', ...failed } };
  } catch (error) {
    if (!(error instanceof LambdaRefusal)) throw error;
    return { ...refusal(error.code, error.message), status: STATUS_OF[error.code] };
  }
}

const STATUS_OF: Record<LambdaRefusal['code'], number> = {
  ResourceNotFoundException: 404,
  RequestTooLargeException: 413,
  TooManyRequestsException: 429,
};

function putEvent(entry: PutEventsEntry, publish: AwsServices['publish']) {
  const { Source, DetailType, Detail, EventBusName = 'default', Time, Resources = [] } = entry;
  if (!Source || !DetailType || !Detail) {
    return {
      ErrorCode: 'InvalidArgument',
      ErrorMessage: 'Parameter Source, DetailType or Detail is missing.',
    };
  }
  let detail: unknown;
  try {
    detail = JSON.parse(Detail);
  } catch {
    return { ErrorCode: 'MalformedDetail', ErrorMessage: 'Detail is malformed.' };
  }
  const id = randomUUID();
  publish(EventBusName.replace(/^.*:event-bus\//, ''), {
    version: '0',
    id,
    'detail-type': DetailType,
    source: Source,
    account: ACCOUNT,
    time: eventTime(Time === undefined ? new Date() : new Date(Time * 1000)),
    region: REGION,
    resources: Resources,
    detail,
  });
  return { EventId: id };
}

function refusal(type: string, message: string): Answer {
  return { status: 400, body: { __type: type, message }, headers: { 'x-amzn-errortype': type } };
}
