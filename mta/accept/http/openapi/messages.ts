/**
 * What the OpenAPI document says of messages; what one may hold comes from the schema that checks it.
 */
import { jsonSchemaOf } from '#crds/schema.ts';
import type { EventType } from '../../../mail/event.ts';
import type { CancelResult } from '../cancel.ts';
import { JSON_TYPE, RAW_TYPE } from '../intake.ts';
import { MOST_MESSAGES, messageSchema } from '../schema.ts';
import {
  answer,
  bodyOf,
  integer,
  listOf,
  named,
  objectOf,
  problem,
  query,
  text,
  unauthorized,
} from '#lib/http/openapi.ts';

const recipient = { id: text, address: text };
const result = { type: 'string', enum: ['cancelled', 'underWay', 'ended'] satisfies CancelResult[] };

const states = [
  'queued',
  'delivered',
  'deferred',
  'bounced',
  'expired',
  'cancelled',
  'set-aside',
  'bounced-later',
  'complained',
] satisfies EventType[];
const state = { type: 'string', enum: states };
const type = { type: 'string', enum: [...states, 'returned'] satisfies EventType[] };

/** Those fields of an event that every sender reads; others may come. */
const event = objectOf(
  {
    v: integer,
    at: { ...integer, description: 'Milliseconds since 1970.' },
    type,
    message: text,
    index: { ...integer, description: 'Of the recipient in the message.' },
    sender: text,
    recipient: text,
    reply: { ...text, description: 'What was said, in one line.' },
    attempt: integer,
    due: { ...integer, description: 'For deferred: when it is tried again, in milliseconds since 1970.' },
    traceparent: { ...text, description: 'The trace the message belongs to (W3C Trace Context), where it has one.' },
  },
  'v',
  'at',
  'type',
  'message',
  'index',
  'sender',
  'recipient',
  'reply',
  'attempt',
);

export const messageSchemas = (): Readonly<Record<string, object>> => ({
  Message: jsonSchemaOf(messageSchema),
  Accepted: objectOf(
    {
      id: text,
      recipients: listOf(objectOf(recipient, 'id', 'address')),
      suppressed: listOf(objectOf({ address: text, reason: text }, 'address', 'reason')),
    },
    'id',
    'recipients',
  ),
  Results: objectOf({ results: listOf(objectOf({ status: integer, id: text }, 'status')) }, 'results'),
  Event: event,
  Cancelled: objectOf(
    { id: text, recipients: listOf(objectOf({ ...recipient, result }, 'id', 'address', 'result')) },
    'id',
    'recipients',
  ),
  Status: objectOf(
    {
      id: text,
      sendAt: { ...text, format: 'date-time', description: 'Nothing is sent before; absent: at once.' },
      recipients: listOf(objectOf({ ...recipient, state }, 'id', 'address', 'state')),
      events: listOf(named('Event')),
    },
    'id',
    'recipients',
    'events',
  ),
});

const id = { name: 'id', in: 'path', required: true, schema: text };

const refusals = {
  400: problem('The body is not JSON.'),
  ...unauthorized,
  409: problem('The Idempotency-Key was used for another request.'),
  413: problem('More bytes than a message may have.'),
  415: problem('Another type of body.'),
  422: problem('A value is not as it must be: errors says which. Or all are suppressed: suppressed says why.'),
  429: problem('A quota is used up, or the rate is; Retry-After says until when.'),
  503: problem('The queue cannot be written, or a key is being made: try again.'),
  507: problem('No room: try again later.'),
};

const idempotencyKey = {
  name: 'Idempotency-Key',
  in: 'header',
  description: 'For a day, the same request with the same key is accepted once and answered alike.',
  schema: { type: 'string', maxLength: 255 },
};

const traceparent = {
  name: 'traceparent',
  in: 'header',
  description:
    'The trace this belongs to (W3C Trace Context); tracestate goes with it. One that is not valid is ignored.',
  schema: text,
};

const submitOne = {
  operationId: 'submitMessage',
  summary: 'Hands in one message. 202: it is on disk, for all its recipients.',
  parameters: [
    idempotencyKey,
    traceparent,
    query('to', `For ${RAW_TYPE}: a recipient, once for each.`, listOf(text)),
    query('from', `For ${RAW_TYPE}: the envelope sender; the author when absent.`, text),
  ],
  requestBody: bodyOf({ [JSON_TYPE]: named('Message'), [RAW_TYPE]: text }),
  responses: { 202: answer('Accepted.', JSON_TYPE, 'Accepted'), ...refusals },
};

const submitMany = {
  operationId: 'submitMessages',
  summary: 'Hands in several messages, each with a result of its own, in the same order.',
  parameters: [idempotencyKey, traceparent],
  requestBody: bodyOf({
    [JSON_TYPE]: { type: 'array', minItems: 1, maxItems: MOST_MESSAGES, items: named('Message') },
  }),
  responses: { 200: answer('What became of each.', JSON_TYPE, 'Results'), ...refusals },
};

const show = {
  operationId: 'showMessage',
  summary: 'Where each recipient of a message stands, and every event. Needs scope Events.',
  parameters: [id],
  responses: {
    200: answer('What is known.', JSON_TYPE, 'Status'),
    ...unauthorized,
    404: problem('Nothing is known of it.'),
  },
};

const cancel = {
  operationId: 'cancelMessage',
  summary: 'Cancels a message for every recipient that nothing is being sent to. Harmless to ask again.',
  parameters: [id],
  responses: {
    200: answer('Nothing more will be sent: each recipient is cancelled, or had ended.', JSON_TYPE, 'Cancelled'),
    202: answer('The same, but for recipients under way: ask again soon.', JSON_TYPE, 'Cancelled'),
    ...unauthorized,
    404: problem('Nothing is known of it.'),
    409: problem('Too late: every recipient has ended, or is under way. recipients says which.'),
  },
};

export const messagePaths = {
  '/v1/messages': { post: submitOne },
  '/v1/messages/batch': { post: submitMany },
  '/v1/messages/{id}': { get: show, delete: cancel },
};
