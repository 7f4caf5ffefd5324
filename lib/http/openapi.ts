/**
 * Words of OpenAPI that every resource uses to describe its routes: schemas, answers, refusals, parameters.
 */

export const text = { type: 'string' };
export const integer = { type: 'integer' };
export const listOf = (items: object): object => ({ type: 'array', items });
export const named = (schema: string): object => ({ $ref: `#/components/schemas/${schema}` });
export const objectOf = (properties: Readonly<Record<string, object>>, ...required: readonly string[]): object => ({
  type: 'object',
  properties,
  required,
});

export const problemSchema = objectOf(
  {
    type: text,
    title: text,
    status: integer,
    detail: text,
    errors: listOf(objectOf({ pointer: text, detail: text }, 'pointer', 'detail')),
  },
  'title',
  'status',
  'detail',
);

export const answer = (description: string, type: string, schema: string): object => ({
  description,
  content: { [type]: { schema: named(schema) } },
});
export const problem = (description: string): object => answer(description, 'application/problem+json', 'Problem');

/** What every route with a token may answer. */
export const unauthorized = {
  401: problem('No token, or a wrong one.'),
  403: problem('The credential or the domain may not.'),
};

export const bodyOf = (content: Readonly<Record<string, object>>): object => ({
  required: true,
  content: Object.fromEntries(Object.entries(content).map(([type, schema]) => [type, { schema }])),
});

export const query = (name: string, description: string, schema: object): object => ({
  name,
  in: 'query',
  description,
  schema,
});
