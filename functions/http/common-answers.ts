import { MEANING } from './describe.ts';
import { KEY_DESCRIPTION } from './idempotency.ts';

type Answer = { description?: string; content?: Record<string, unknown> };
type Operation = { parameters?: unknown[]; requestBody?: unknown; responses?: Record<string, Answer> };

const PROBLEM = 'application/problem+json';

/** Not of the routes of logging in: their answers are secrets. */
const WITHOUT_KEY = /^\/api\/(?:auth|token)(?:\/|$)/;

const KEY = {
  in: 'header',
  name: 'Idempotency-Key',
  required: false,
  description: KEY_DESCRIPTION,
  schema: { type: 'string', minLength: 1, maxLength: 255 },
};

/** Tells of every route in an OpenAPI document what stands before it, and so in the description of none. */
export function withCommonAnswers<Document extends { paths?: object }>(document: Document): Document {
  const paths = Object.entries((document.paths ?? {}) as Record<string, Record<string, Operation>>).map(
    ([path, methods]) => [
      path,
      Object.fromEntries(
        Object.entries(methods).map(([method, operation]) => {
          const hasKey = method === 'post' && !WITHOUT_KEY.test(path);
          return [method, completed(operation, hasKey)];
        }),
      ),
    ],
  );
  return { ...document, paths: Object.fromEntries(paths) };
}

function completed(operation: Operation, hasKey: boolean): Operation {
  const { parameters = [], requestBody, responses = {} } = operation;
  const statuses = [
    ...(requestBody ? ([400, 413, 415] as const) : []),
    ...(hasKey ? ([400, 409, 422] as const) : []),
  ];
  const [problem] = Object.values(responses).flatMap(({ content }) => content?.[PROBLEM] ?? []);
  const common = statuses.map((status) => [
    status,
    { description: MEANING[status], content: { [PROBLEM]: problem } },
  ]);
  return {
    ...operation,
    ...(hasKey && { parameters: [...parameters, KEY] }),
    responses: { ...Object.fromEntries(common), ...responses },
  };
}
