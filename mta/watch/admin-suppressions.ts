/**
 * The admin API of suppressions: any tenant's list, an entry at a time, each change on record.
 */
import { closed, oneOf, text, textWithout } from '#crds/schema.ts';
import { moment } from '#crds/time.ts';
import { query } from '#lib/http/openapi.ts';
import { type Answer, json, problem } from '#lib/http/server.ts';
import type { Clock } from '#lib/run/clock.ts';
import type { AuditEvent } from '../mail/audit.ts';
import type { Orders } from '../settle/ledger/orders.ts';
import type { Suppressions } from '../settle/ledger/suppressions.ts';
import { readSubject, REASONS, subjectKey, type Suppression } from '../mail/suppression.ts';
import { type AdminRoute, reading } from './admin-route.ts';

export interface SuppressionParts {
  readonly clock: Clock;
  readonly suppressions: Suppressions;
  readonly orders: Pick<Orders, 'record'>;
  /** Whether anything is declared for a tenant: a slip of the pen would suppress nobody. */
  readonly isTenant: (name: string) => boolean;
  /** Told of each record that is durable. Must not throw. */
  readonly recorded: (event: AuditEvent) => void;
}

/** Entries of a page. */
const PAGE = 1000;

const named = {
  tenant: text({ max: 253 }).describe('Whose mail.'),
  subject: text({ max: 320 }).describe('An address, or a domain for all of its addresses.'),
  by: textWithout({ max: 128, never: /\p{Cc}/u, says: 'must be one line of text' }).describe('Who asks, as claimed.'),
};
const suppressing = closed({
  ...named,
  reason: oneOf(...REASONS)
    .default('manual')
    .describe('Why.'),
  expiresAt: moment().exactOptional().describe('From then on it does not count; absent: it always does.'),
});
const unsuppressing = closed(named);

export const suppressionRoutes = (parts: SuppressionParts): AdminRoute[] => [
  {
    method: 'GET',
    path: '/v1/suppressions',
    told: {
      operationId: 'listSuppressions',
      summary: 'A page of a tenant’s suppressions.',
      query: [
        Object.assign(query('tenant', 'Whose.', { type: 'string' }), { required: true }),
        query('after', 'The field next of the page before.', { type: 'string' }),
      ],
      answers: 'Suppressions',
      refuses: { 422: 'There is no such tenant.' },
    },
    handle: async ({ query: asked }) => list(asked, parts),
  },
  {
    method: 'POST',
    path: '/v1/suppress',
    told: {
      operationId: 'suppress',
      summary: 'Keeps a tenant’s mail from an address or a domain.',
      body: suppressing,
      answers: 'Suppression',
    },
    handle: reading(suppressing, async ({ tenant, subject, by, reason, expiresAt }) => {
      const now = parts.clock.now();
      const until = expiresAt === undefined ? undefined : Date.parse(expiresAt);
      if (until !== undefined && until <= now) return invalid('expiresAt has passed');
      return changing('suppress', { tenant, subject, by }, parts, async (canonical) => {
        const ends = until === undefined ? {} : { expiresAt: until };
        const entry: Suppression = { subject: canonical, reason, source: 'operator', createdAt: now, ...ends };
        await parts.suppressions.replace(tenant, entry);
        return entry;
      });
    }),
  },
  {
    method: 'POST',
    path: '/v1/unsuppress',
    told: {
      operationId: 'unsuppress',
      summary: 'Removes an entry, and answers what it was.',
      body: unsuppressing,
      answers: 'Suppression',
      refuses: { 404: 'It is not suppressed.' },
    },
    handle: reading(unsuppressing, async (asked) =>
      changing('unsuppress', asked, parts, (subject) => parts.suppressions.unsuppress(asked.tenant, subject)),
    ),
  },
];

const invalid = (why: string): Answer => problem(422, 'Unprocessable Content', why);
const noTenant = (tenant: string): Answer => invalid(`nothing is declared for a tenant ${tenant}`);

async function list(asked: URLSearchParams, { suppressions, isTenant }: SuppressionParts): Promise<Answer> {
  const tenant = asked.get('tenant') ?? '';
  if (!isTenant(tenant)) return noTenant(tenant);
  const page = await suppressions.list(tenant, { after: asked.get('after') ?? '', limit: PAGE });
  const last = page.length === PAGE ? page.at(-1) : undefined;
  return json({ suppressions: page, ...(last && { next: subjectKey(last.subject) }) });
}

interface Change {
  readonly tenant: string;
  readonly subject: string;
  readonly by: string;
}

/** On record before it is written and when it is: the record never misses a change. */
async function changing(
  operation: 'suppress' | 'unsuppress',
  { tenant, subject, by }: Change,
  parts: SuppressionParts,
  change: (subject: string) => Promise<Suppression | undefined>,
): Promise<Answer> {
  if (!parts.isTenant(tenant)) return noTenant(tenant);
  const read = readSubject(subject);
  if (read.kind === 'problem') return invalid(`subject: ${read.problem}`);
  const event = { v: 1, by, operation, about: { tenant }, subject: read.subject } as const;
  await record({ ...event, at: parts.clock.now(), stage: 'begun', recipients: 0 }, parts);
  const entry = await change(read.subject);
  await record({ ...event, at: parts.clock.now(), stage: 'done', recipients: entry ? 1 : 0 }, parts);
  return entry ? json(entry) : problem(404, 'Not Found', `${read.subject} is not suppressed for ${tenant}`);
}

async function record(event: AuditEvent, { orders, recorded }: SuppressionParts): Promise<void> {
  await orders.record(event);
  recorded(event);
}
