/**
 * What the OpenAPI document says of sending domains.
 */
import type { Condition, Standing } from '#lib/domain/conditions.ts';
import type { RecordReport } from '#lib/domain/records.ts';
import { JSON_TYPE } from '../intake.ts';
import { answer, integer, listOf, objectOf, problem, text, unauthorized } from '#lib/http/openapi.ts';

const wordOf = (...words: readonly string[]): object => ({ type: 'string', enum: words });
const standings: readonly Standing[] = ['verified', 'unverified', 'excused', 'claimed-by-another'];
const purposes: readonly RecordReport['purpose'][] = ['DKIM', 'SPF', 'ReturnPath', 'DMARC'];
const states: readonly RecordReport['state'][] = ['Present', 'Missing', 'Differs', 'Unknown'];
const statuses: readonly Condition['status'][] = ['True', 'False', 'Unknown'];

const record = {
  purpose: wordOf(...purposes),
  type: wordOf('TXT', 'MX'),
  name: text,
  expected: listOf(text),
  found: listOf(text),
  difference: text,
  state: wordOf(...states),
};
const condition = { type: text, status: wordOf(...statuses), reason: text, message: text };

export const domainSchemas = (): Readonly<Record<string, object>> => ({
  Domain: objectOf(
    {
      resource: text,
      domain: text,
      standing: wordOf(...standings),
      verifiedAt: integer,
      checkedAt: integer,
      conditions: listOf(objectOf(condition, ...Object.keys(condition))),
      records: listOf(objectOf(record, ...Object.keys(record))),
    },
    'resource',
    'domain',
    'standing',
    'conditions',
    'records',
  ),
});

const show = {
  operationId: 'showDomain',
  summary: 'How a sending domain stands in DNS: each record to publish, what was found, and what to change.',
  parameters: [{ name: 'name', in: 'path', required: true, schema: text }],
  responses: {
    200: answer('What is known. Times are milliseconds since 1970.', JSON_TYPE, 'Domain'),
    ...unauthorized,
    404: problem('No domain of this credential.'),
  },
};

export const domainPaths = { '/v1/domains/{name}': { get: show } };
