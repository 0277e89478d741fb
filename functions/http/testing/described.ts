import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import type { App } from '../app/app.ts';
import type { OpenApi, Operation, Schema } from '../document/openapi.ts';
import { resolved } from '../document/openapi.ts';

/* Test support: checks every answer of an application against the API's description. */

/** Headers of every answer, which the description does not repeat. */
const GENERAL =
  /^(?:cache-control|content-type|content-length|content-security-policy|x-content-type-options)$/;

/** Makes each request to the application fail when its answer is not described. */
export function holdToDescription(app: App, document: OpenApi): App {
  const check = describedAnswers(document);
  const ask = app.request;
  app.request = async (input, init, ...rest) => {
    const response = await ask(input, init, ...rest);
    const request =
      input instanceof Request ? input : new Request(new URL(String(input), 'http://localhost'), init);
    await check(request.method, new URL(request.url).pathname, response.clone());
    return response;
  };
  return app;
}

/** Returns a function that throws when the answer to a method and path is not described. */
export function describedAnswers(document: OpenApi) {
  const { paths, components } = document;
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
  ajv.addSchema({ $id: 'api', components: { schemas: mapped(components.schemas, inside) } });
  const compiled = new WeakMap<Schema, ValidateFunction>();
  const templates = Object.keys(paths).map((path) => ({
    path,
    pattern: new RegExp(`^${path.replace(/[.]/g, '\\.').replace(/\{\w+\}/g, '[^/]+')}/*$`),
  }));

  function faultOf(schema: Schema, value: unknown): string | undefined {
    let validate = compiled.get(schema);
    if (!validate) {
      validate = ajv.compile(pointed(closed(schema)));
      compiled.set(schema, validate);
    }
    return validate(value) ? undefined : ajv.errorsText(validate.errors);
  }

  function operationOf(method: string, path: string): Operation | 'other method' | undefined {
    const fitting = templates.filter(({ pattern }) => pattern.test(path));
    const { path: template } = fitting.find((each) => !each.path.includes('{')) ?? fitting[0] ?? {};
    if (template === undefined) return undefined;
    return paths[template]?.[method === 'HEAD' ? 'get' : method.toLowerCase()] ?? 'other method';
  }

  return async (method: string, path: string, response: Response): Promise<void> => {
    const { status, headers } = response;
    const what = `${method} ${path} answered ${status}`;
    const operation = operationOf(method, path);
    if (operation === undefined || operation === 'other method') {
      const expected = operation === undefined ? [401, 404, 429, 500] : [405];
      if (!expected.includes(status)) throw new Error(`${what}; expected: ${expected}`);
      return;
    }
    const described = operation.responses?.[status];
    if (!described) throw new Error(`${what}, which is not described`);
    const answer = resolved(described, components.responses);
    for (const [name, { required, schema }] of Object.entries(answer.headers ?? {})) {
      const value = headers.get(name);
      if (value === null && required) throw new Error(`${what} without ${name}`);
      const fault =
        value === null ? undefined : faultOf(schema, schema.type === 'integer' ? Number(value) : value);
      if (fault) throw new Error(`${what} with ${name}: ${fault}`);
    }
    const names = Object.keys(answer.headers ?? {}).map((name) => name.toLowerCase());
    for (const name of headers.keys()) {
      if (!GENERAL.test(name) && !names.includes(name))
        throw new Error(`${what} with ${name}, which is not described`);
    }
    const text = await response.text();
    if (method === 'HEAD') return;
    const type = headers.get('content-type')?.split(';')[0] ?? '';
    const media = answer.content?.[type];
    if (!answer.content && text === '') return;
    if (!media) throw new Error(`${what} as ${type || 'nothing'}, which is not described`);
    const value: unknown = type === 'text/html' ? text : JSON.parse(text);
    const fault = media.schema && faultOf(media.schema, value);
    if (fault) throw new Error(`${what}: ${fault}\n${text.slice(0, 2_000)}`);
  };
}

/** Returns the schema without additional members. */
function closed(schema: Schema): Schema {
  const isObject = schema.properties || schema.$ref || 'allOf' in schema || schema.anyOf;
  const isOpen = !isObject || 'additionalProperties' in schema;
  return isOpen ? inside(schema) : { ...inside(schema), unevaluatedProperties: false };
}

/** Closes all schemas inside a schema in the same way. */
function inside(schema: Schema): Schema {
  const { properties, items, anyOf, allOf, ...rest } = schema as Schema & { allOf?: Schema[] };
  return {
    ...rest,
    ...(properties && { properties: mapped(properties, closed) }),
    ...(items && { items: closed(items) }),
    ...(anyOf && { anyOf: anyOf.map(inside) }),
    ...(allOf && { allOf: allOf.map(inside) }),
  };
}

/** Returns the schema with references into the document. */
function pointed(schema: Schema): object {
  const text = JSON.stringify(schema).replaceAll('"#/components/', '"api#/components/');
  return JSON.parse(text);
}

function mapped(schemas: Record<string, Schema>, change: (schema: Schema) => Schema): Record<string, Schema> {
  return Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => [
      name,
      typeof schema === 'object' ? change(schema) : schema,
    ]),
  );
}
