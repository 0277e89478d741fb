/** An OpenAPI 3.1 document as data, limited to the parts that are read or written here. */
export type Schema = {
  $ref?: string;
  type?: string | string[];
  description?: string;
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  format?: string;
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
  examples?: unknown[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  anyOf?: Schema[];
  unevaluatedProperties?: boolean;
};

export type Header = { description?: string; required?: boolean; schema: Schema };
export type Media = { schema?: Schema; example?: unknown };
export type Link = {
  operationId: string;
  description?: string;
  parameters?: Record<string, string>;
  requestBody?: unknown;
};
export type Answer = {
  $ref?: string;
  description?: string;
  headers?: Record<string, Header>;
  content?: Record<string, Media>;
  links?: Record<string, Link>;
};
export type Parameter = {
  name: string;
  in: string;
  required?: boolean;
  description?: string;
  example?: unknown;
  schema?: Schema;
};
export type Operation = {
  operationId?: string;
  summary?: string;
  description?: string;
  tags?: string[];
  security?: object[];
  parameters?: Parameter[];
  requestBody?: { required?: boolean; content?: Record<string, Media> };
  responses?: Record<string, Answer>;
};
export type Paths = Record<string, Record<string, Operation>>;
export type OpenApi = {
  openapi: string;
  info: object;
  tags?: { name: string; description: string }[];
  paths: Paths;
  components: {
    schemas: Record<string, Schema>;
    responses?: Record<string, Answer>;
    securitySchemes?: object;
  };
};

/** Returns the component that a reference names, or the value itself. */
export function resolved<T extends { $ref?: string }>(value: T, components: Record<string, T> = {}): T {
  return value.$ref === undefined ? value : (components[value.$ref.split('/').at(-1) ?? ''] ?? value);
}
