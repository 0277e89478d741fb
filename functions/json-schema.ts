import { STORABLE } from './text-rules.ts';

/** The name of a member, under the rules of `jsonFault`. */
export const JSON_NAME = { pattern: STORABLE.source, not: { const: '__proto__' } };

/** The JSON Schema of any value that `jsonFault` accepts, except for its limits of depth and size. */
export const JSON_VALUE = {
  description: 'Any JSON value: at most 32 levels deep, without NUL characters and members named `__proto__`',
  anyOf: [
    { type: ['null', 'boolean'] },
    { type: 'number', minimum: -Number.MAX_VALUE, maximum: Number.MAX_VALUE },
    { type: 'string', pattern: STORABLE.source },
    { type: 'array', items: { $ref: '#/components/schemas/JsonValue' } },
    {
      type: 'object',
      propertyNames: JSON_NAME,
      additionalProperties: { $ref: '#/components/schemas/JsonValue' },
    },
  ],
};
