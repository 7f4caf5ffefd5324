/**
 * The admin API of looking: what waits and for what, and why mail for a recipient waits.
 */
import { parseAddress } from '#lib/address/address.ts';
import { query } from '#lib/http/openapi.ts';
import { type Answer, json, problem } from '#lib/http/server.ts';
import type { Explanation, Live, QueueState, SendingState } from '../mail/explanation.ts';
import type { Suspension } from '../mail/suspension.ts';
import type { AdminRoute } from './admin-route.ts';

/** Which rows; what is absent is all. */
export interface RowsAsked {
  readonly tenant?: string | undefined;
  readonly domain?: string | undefined;
  readonly site?: string | undefined;
  readonly limit: number;
  readonly after?: string | undefined;
}

export interface RecipientAsked {
  readonly recipient: string;
  readonly tenant?: string | undefined;
  readonly domain?: string | undefined;
}

/** Of one process, or of all that send together. */
export interface InsightParts {
  readonly view: (asked: RowsAsked) => Promise<SendingState>;
  readonly explain: (asked: RecipientAsked) => Promise<Explanation>;
  readonly live: () => Promise<Live>;
  /** What people have ordered to be held back. */
  readonly suspensions: () => Promise<readonly Suspension[]>;
}

const USUAL_ROWS = 20;
const MOST_ROWS = 500;
const text = { type: 'string' };

export const insightRoutes = (parts: InsightParts): AdminRoute[] => [
  {
    method: 'GET',
    path: '/v1/queue',
    told: {
      operationId: 'showQueue',
      summary: 'What waits by tenant and domain, the deepest first, and for what; what people and rules hold back.',
      query: [
        query('tenant', 'Mail of this tenant.', text),
        query('domain', 'Mail to this domain.', text),
        query('site', 'Mail to this site.', text),
        query('limit', `Rows, at most ${MOST_ROWS}.`, { type: 'integer', default: USUAL_ROWS }),
        query(
          'after',
          'All rows by name, page by page: from the first if empty, else after `next` of the last page.',
          text,
        ),
      ],
      answers: 'Queue',
    },
    handle: async ({ query: asked }) => json(await queueOf(asked, parts)),
  },
  {
    method: 'GET',
    path: '/v1/explain',
    told: {
      operationId: 'explain',
      summary: 'What would happen now to mail for a recipient, and why what waits for it waits.',
      query: [
        Object.assign(query('recipient', 'The address.', text), { required: true }),
        query('tenant', 'Mail of this tenant; else of each.', text),
        query('domain', 'Mail sent as this domain.', text),
      ],
      answers: 'Explanation',
      refuses: { 422: 'The recipient is no address.' },
    },
    handle: async ({ query: asked }) => explained(asked, parts),
  },
  {
    method: 'GET',
    path: '/v1/live',
    told: { operationId: 'showLive', summary: 'What was counted since the start, and when.', answers: 'Live' },
    handle: async () => json(await parts.live()),
  },
];

async function queueOf(asked: URLSearchParams, { view, suspensions }: InsightParts): Promise<QueueState> {
  const limit = Number(asked.get('limit') ?? USUAL_ROWS);
  const state = await view({
    tenant: asked.get('tenant') ?? undefined,
    domain: asked.get('domain')?.toLowerCase(),
    site: asked.get('site') ?? undefined,
    after: asked.get('after') ?? undefined,
    limit: Number.isInteger(limit) ? Math.min(Math.max(limit, 1), MOST_ROWS) : USUAL_ROWS,
  });
  return { ...state, suspensions: await suspensions() };
}

async function explained(asked: URLSearchParams, { explain }: InsightParts): Promise<Answer> {
  const reading = parseAddress(asked.get('recipient') ?? '', { utf8: true });
  if (reading.kind === 'problem') return problem(422, 'Unprocessable Content', `recipient: ${reading.problem}`);
  const tenant = asked.get('tenant') ?? undefined;
  return json(await explain({ recipient: reading.address.text, tenant, domain: asked.get('domain')?.toLowerCase() }));
}
