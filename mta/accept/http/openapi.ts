/**
 * The OpenAPI 3.1 document of the HTTP API; what a message may hold comes from the schema that checks it.
 */
import { jsonSchemaOf } from '#crds/schema.ts';
import { type Answer, json } from '#lib/http/server.ts';
import { JSON_TYPE, RAW_TYPE } from './messages.ts';
import { MOST_MESSAGES, MOST_RECIPIENTS, messageSchema } from './schema.ts';

/** Made once: it never changes while the process runs. */
export function openApiDocument(): Answer {
  made ??= json(document());
  return made;
}
let made: Answer | undefined;

const text = { type: 'string' };
const integer = { type: 'integer' };
const listOf = (items: object): object => ({ type: 'array', items });
const named = (schema: string): object => ({ $ref: `#/components/schemas/${schema}` });
const objectOf = (properties: Readonly<Record<string, object>>, ...required: readonly string[]): object => ({
  type: 'object',
  properties,
  required,
});

const problemSchema = objectOf(
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

const recipient = { id: text, address: text };
const schemas = (): object => ({
  Message: jsonSchemaOf(messageSchema),
  Accepted: objectOf({ id: text, recipients: listOf(objectOf(recipient, 'id', 'address')) }, 'id', 'recipients'),
  Results: objectOf({ results: listOf(objectOf({ status: integer, id: text }, 'status')) }, 'results'),
  Status: objectOf(
    { id: text, recipients: listOf(objectOf({ ...recipient, state: text })), events: listOf({ type: 'object' }) },
    'id',
    'recipients',
    'events',
  ),
  Problem: problemSchema,
});

const answer = (description: string, type: string, schema: string): object => ({
  description,
  content: { [type]: { schema: named(schema) } },
});
const problem = (description: string): object => answer(description, 'application/problem+json', 'Problem');

const refusals = {
  400: problem('The body is not JSON.'),
  401: problem('No token, or a wrong one.'),
  403: problem('The credential or the domain may not.'),
  409: problem('The Idempotency-Key was used for another request.'),
  413: problem('More bytes than a message may have.'),
  415: problem('Another type of body.'),
  422: problem('A value is not as it must be: errors says which.'),
  429: problem('A quota is used up; Retry-After says until when.'),
  503: problem('The queue cannot be written, or a key is being made: try again.'),
  507: problem('No room: try again later.'),
};

const bodyOf = (content: Readonly<Record<string, object>>): object => ({
  required: true,
  content: Object.fromEntries(Object.entries(content).map(([type, schema]) => [type, { schema }])),
});

const query = (name: string, description: string, schema: object): object => ({
  name,
  in: 'query',
  description,
  schema,
});

const idempotencyKey = {
  name: 'Idempotency-Key',
  in: 'header',
  description: 'For a day, the same request with the same key is accepted once and answered alike.',
  schema: { type: 'string', maxLength: 255 },
};

const submitOne = {
  operationId: 'submitMessage',
  summary: 'Hands in one message. 202: it is on disk, for all its recipients.',
  parameters: [
    idempotencyKey,
    query('to', `For ${RAW_TYPE}: a recipient, up to ${MOST_RECIPIENTS} times.`, listOf(text)),
    query('from', `For ${RAW_TYPE}: the envelope sender; the author when absent.`, text),
  ],
  requestBody: bodyOf({ [JSON_TYPE]: named('Message'), [RAW_TYPE]: text }),
  responses: { 202: answer('Accepted.', JSON_TYPE, 'Accepted'), ...refusals },
};

const submitMany = {
  operationId: 'submitMessages',
  summary: 'Hands in several messages, each with a result of its own, in the same order.',
  parameters: [idempotencyKey],
  requestBody: bodyOf({
    [JSON_TYPE]: { type: 'array', minItems: 1, maxItems: MOST_MESSAGES, items: named('Message') },
  }),
  responses: { 200: answer('What became of each.', JSON_TYPE, 'Results'), ...refusals },
};

const show = {
  operationId: 'showMessage',
  summary: 'Where each recipient of a message stands, and every event. Needs scope Events.',
  parameters: [{ name: 'id', in: 'path', required: true, schema: text }],
  responses: {
    200: answer('What is known.', JSON_TYPE, 'Status'),
    401: refusals[401],
    403: refusals[403],
    404: problem('Nothing is known of it.'),
  },
};

const document = (): object => ({
  openapi: '3.1.0',
  info: { title: 'Postfleet', version: 'v1', description: 'Hands in mail and tells what became of it.' },
  security: [{ token: [] }],
  paths: {
    '/v1/messages': { post: submitOne },
    '/v1/messages/batch': { post: submitMany },
    '/v1/messages/{id}': { get: show },
  },
  components: {
    schemas: schemas(),
    securitySchemes: {
      token: { type: 'http', scheme: 'bearer', description: 'USERNAME~SECRET of a SendingCredential.' },
    },
  },
});
