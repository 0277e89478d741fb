import { BatchedTask } from '../../tasks/commands/parse-task-request.ts';
import type { App } from '../app/app.ts';
import { TAGS } from '../app/tags.ts';
import { mapOperations, sharedAnswers, withCommonAnswers } from './common-answers.ts';
import { withExamples } from './examples.ts';
import { registerKindSchemas, taskRules } from './kind-schemas.ts';
import { withLinks } from './links.ts';
import type { OpenApi } from './openapi.ts';

const INFO = {
  openapi: '3.1.0',
  info: {
    title: 'Celeriac',
    version: '1.0.0',
    summary: 'Schedule, watch, cancel and retry background work; follow crypto prices.',
    description:
      'Every path works with and without a trailing slash. Times are RFC 3339. Lists are read page by page with ' +
      '`next_cursor`. Errors are problem documents (RFC 9457). The API refuses a number that a double cannot hold exactly: ' +
      'send it as a string. It refuses an object with a duplicate name. A `payload` is kept exactly as it was written. The ' +
      '`body` of an `http.request` is sent exactly as it was written, and its numbers may have any digits.',
    license: { name: 'MIT', identifier: 'MIT' },
  },
  servers: [{ url: '/', description: 'Console, API and WebSocket have the same origin' }],
};

/** Returns the OpenAPI document of all routes that an application has registered or described. */
export function openApiDocument(app: App): OpenApi {
  registerKindSchemas(app);
  app.openAPIRegistry.register('BatchTask', BatchedTask.meta(taskRules));
  const { components, paths } = app.getOpenAPI31Document(INFO) as unknown as OpenApi;
  return {
    ...INFO,
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths: mapOperations(withCommonAnswers(paths), (operation) => withLinks(withExamples(operation))),
    components: {
      schemas: components.schemas,
      responses: sharedAnswers(),
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'The `access` token of a login. Valid for ten minutes',
        },
      },
    },
  };
}
