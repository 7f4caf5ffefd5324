/**
 * What the OpenAPI document says of suppressions; what one may hold comes from the schema that checks it.
 */
import { jsonSchemaOf } from '#crds/schema.ts';
import { JSON_TYPE } from '../intake.ts';
import { suppressionSchema } from '../suppression-schema.ts';
import { CSV_TYPE, MOST_ENTRIES } from '../suppressions.ts';
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

const shown = { address: text, domain: text, reason: text, source: text, createdAt: text, expiresAt: text };

export const suppressionSchemas = (): Readonly<Record<string, object>> => ({
  NewSuppression: jsonSchemaOf(suppressionSchema),
  Suppression: objectOf(shown, 'reason', 'source', 'createdAt'),
  SuppressionPage: objectOf({ suppressions: listOf(named('Suppression')), next: text }, 'suppressions'),
  SuppressionCount: objectOf({ count: integer }, 'count'),
});

const subject = {
  name: 'subject',
  in: 'path',
  required: true,
  description: 'The address or domain, in any form; percent-encoded.',
  schema: text,
};

const stored = {
  ...unauthorized,
  503: problem('The storage cannot be written: try again.'),
  507: problem('No room: try again later.'),
};

const list = {
  operationId: 'listSuppressions',
  summary: `The tenant's suppressions, page by page; all of them with Accept: ${CSV_TYPE}. Needs scope Suppressions.`,
  parameters: [
    query('limit', 'Entries of a page.', { type: 'integer', minimum: 1, maximum: MOST_ENTRIES }),
    query('after', '`next` of the page before.', text),
    query('address', 'Only what keeps mail from this address: its own entry, or that of its domain.', text),
  ],
  responses: {
    200: {
      description: 'A page, or the whole list.',
      content: { [JSON_TYPE]: { schema: named('SuppressionPage') }, [CSV_TYPE]: { schema: text } },
    },
    ...stored,
    422: problem('A value is not as it must be.'),
  },
};

const add = {
  operationId: 'addSuppressions',
  summary: 'Adds many. All of them or, when any is wrong, none; those that are there and last longer stay as they are.',
  requestBody: bodyOf({
    [JSON_TYPE]: { type: 'array', minItems: 1, maxItems: MOST_ENTRIES, items: named('NewSuppression') },
    [CSV_TYPE]: text,
  }),
  responses: {
    200: answer('They are on disk.', JSON_TYPE, 'SuppressionCount'),
    400: problem('The body is not JSON.'),
    ...stored,
    413: problem('More bytes than a list may have.'),
    415: problem('Another type of body.'),
    422: problem('Nothing was added: errors says which values, or which lines of the CSV, are wrong.'),
  },
};

const unknown = problem('It is not suppressed.');

const show = {
  operationId: 'showSuppression',
  summary: 'The entry of exactly this address or domain.',
  parameters: [subject],
  responses: { 200: answer('The entry.', JSON_TYPE, 'Suppression'), ...stored, 404: unknown },
};

const put = {
  operationId: 'putSuppression',
  summary: 'Writes one entry, in place of what was there. The body may be empty.',
  parameters: [subject],
  requestBody: { ...bodyOf({ [JSON_TYPE]: named('NewSuppression') }), required: false },
  responses: {
    200: answer('It is on disk.', JSON_TYPE, 'Suppression'),
    400: problem('The body is not JSON.'),
    ...stored,
    422: problem('A value is not as it must be: errors says which.'),
  },
};

const remove = {
  operationId: 'removeSuppression',
  summary: 'Removes one entry, and answers what it was.',
  parameters: [subject],
  responses: { 200: answer('It is gone.', JSON_TYPE, 'Suppression'), ...stored, 404: unknown },
};

export const suppressionPaths = {
  '/v1/suppressions': { get: list, post: add },
  '/v1/suppressions/{subject}': { get: show, put, delete: remove },
};
