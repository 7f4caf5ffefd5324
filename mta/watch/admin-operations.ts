/**
 * The admin API of operating: suspend, resume, retry, bounce, reroute, and the record of who did what.
 *
 * Whoever has the token may act; `by` is who they say they are. A choice of nothing is refused, because all mail must be
 * asked for by name.
 */
import { closed, flag, type Infer, integer, text, textWithout } from '#crds/schema.ts';
import type { Clock } from '#lib/run/clock.ts';
import { seconds } from '#lib/run/clock.ts';
import { query } from '#lib/http/openapi.ts';
import { type Answer, json, problem } from '#lib/http/server.ts';
import type { Bouncing, Chosen, Moving, Operated, Rerouting, Resuming, Suspending } from '../mail/operation.ts';
import type { Orders } from '../settle/ledger/orders.ts';
import type { Suspension } from '../mail/suspension.ts';
import { type AdminRoute, reading } from './admin-route.ts';

/** What is done, where mail is sent. */
export interface Operating {
  suspensions(): Promise<readonly Suspension[]>;
  suspend(asked: Suspending): Promise<Operated>;
  resume(asked: Resuming): Promise<Operated>;
  retry(asked: Moving): Promise<Operated>;
  bounce(asked: Bouncing): Promise<Operated>;
  reroute(asked: Rerouting): Promise<Operated>;
}

export interface OperationParts {
  readonly clock: Clock;
  readonly operations: Operating;
  readonly orders: Pick<Orders, 'audit'>;
}

/** A year: whoever means longer means until somebody ends it. */
const LONGEST_SECONDS = 366 * 86_400;
const MOST_RECORDS = 1000;
const USUAL_RECORDS = 100;

const line = (max: number) => textWithout({ max, never: /\p{Cc}/u, says: 'must be one line of text' });

const matter = {
  tenant: text({ max: 253 }).exactOptional().describe('The namespace of its credential.'),
  pool: text({ max: 320 }).exactOptional().describe('The IPPool it leaves by: namespace/name.'),
  domain: text({ max: 255 }).exactOptional().describe('The domain of its recipients.'),
  site: text({ max: 8192 }).exactOptional().describe('The site it goes to, as the queue names it.'),
};
const asking = {
  all: flag().exactOptional().describe('All mail: needed where nothing else is named.'),
  by: line(128).describe('Who asks; kept in the record as claimed.'),
  dryRun: flag().default(false).describe('Counts, and changes nothing.'),
};
const message = text({ max: 64 }).exactOptional().describe('The id of one message.');

const suspending = closed({
  ...matter,
  ...asking,
  why: line(500).describe('Shown to everybody who asks why mail waits.'),
  forSeconds: integer(1, LONGEST_SECONDS).exactOptional().describe('Ends by itself after so long.'),
});
const resuming = closed({
  ...matter,
  ...asking,
  message,
  id: text({ max: 64 }).exactOptional().describe('One suspension; or what is named instead.'),
});

const moving = closed({ ...matter, ...asking, message });
const bouncing = closed({
  ...matter,
  ...asking,
  message,
  why: line(500).describe('A part of the reply that its events and reports tell.'),
  report: flag().default(true).describe('Whether senders by SMTP are told by mail, as of any failure.'),
});
const rerouting = closed({
  ...matter,
  ...asking,
  message,
  to: text({ max: 320 }).describe('The IPPool: namespace/name.'),
});

export function operationRoutes({ clock, operations, orders }: OperationParts): AdminRoute[] {
  return [
    {
      method: 'GET',
      path: '/v1/suspensions',
      told: { operationId: 'listSuspensions', summary: 'Every order that holds mail back.', answers: 'Suspensions' },
      handle: async () => json({ suspensions: await operations.suspensions() }),
    },
    {
      method: 'POST',
      path: '/v1/suspend',
      told: {
        operationId: 'suspend',
        summary: 'Holds mail back, what waits and what is to come, until it is resumed or the time is over.',
        body: suspending,
        answers: 'Done',
      },
      handle: reading(suspending, async (asked) => {
        const { why, by, dryRun, forSeconds } = asked;
        const until = forSeconds === undefined ? {} : { until: clock.now() + seconds(forSeconds) };
        return choosing(asked, async (about) => operations.suspend({ about, why, by, dryRun, ...until }));
      }),
    },
    {
      method: 'POST',
      path: '/v1/resume',
      told: {
        operationId: 'resume',
        summary: 'Ends suspensions, by id or those about no more than what is named, and lets go what the queue holds.',
        body: resuming,
        answers: 'Done',
      },
      handle: reading(resuming, async (asked) => {
        const { id, by, dryRun } = asked;
        if (id !== undefined) return shown(await operations.resume({ about: {}, id, by, dryRun }));
        return choosing(asked, async (about) => operations.resume({ about, by, dryRun }));
      }),
    },
    {
      method: 'POST',
      path: '/v1/retry',
      told: {
        operationId: 'retry',
        summary: 'What waits is due now, and what rests at its sites rests no longer.',
        body: moving,
        answers: 'Done',
      },
      handle: reading(moving, async (asked) => {
        const { by, dryRun } = asked;
        return choosing(asked, async (about) => operations.retry({ about, by, dryRun }));
      }),
    },
    {
      method: 'POST',
      path: '/v1/bounce',
      told: { operationId: 'bounce', summary: 'Ends what waits as bounced.', body: bouncing, answers: 'Done' },
      handle: reading(bouncing, async (asked) => {
        const { by, dryRun, why, report } = asked;
        return choosing(asked, async (about) => operations.bounce({ about, by, dryRun, why, report }));
      }),
    },
    {
      method: 'POST',
      path: '/v1/reroute',
      told: {
        operationId: 'reroute',
        summary: 'What waits leaves by another pool; what is to come leaves as its domain says.',
        body: rerouting,
        answers: 'Done',
      },
      handle: reading(rerouting, async (asked) => {
        const { by, dryRun, to } = asked;
        return choosing(asked, async (about) => operations.reroute({ about, by, dryRun, to }));
      }),
    },
    {
      method: 'GET',
      path: '/v1/audit',
      told: {
        operationId: 'listAudit',
        summary: 'What was done, by whom, to how much mail; the newest first.',
        query: [
          query('limit', `Records of a page, at most ${MOST_RECORDS}.`, { type: 'integer', default: USUAL_RECORDS }),
          query('before', 'The number of the last record seen.', { type: 'integer' }),
        ],
        answers: 'Audit',
      },
      handle: async ({ query: asked }) => {
        const limit = Math.min(numberOf(asked.get('limit')) ?? USUAL_RECORDS, MOST_RECORDS);
        return json({ records: await orders.audit(limit, numberOf(asked.get('before'))) });
      },
    },
  ];
}

const shown = (operated: Operated): Answer =>
  operated.kind === 'done' ? json(operated.done) : problem(422, 'Unprocessable Content', operated.why);

type Named = Infer<typeof moving> | Infer<typeof suspending>;

/** What is named of a request; nothing, only if all mail is asked for. */
async function choosing(named: Named, act: (about: Chosen) => Promise<Operated>): Promise<Answer> {
  const about = Object.fromEntries(
    ['tenant', 'pool', 'domain', 'site', 'message'].flatMap((field) => {
      const value = (named as Readonly<Record<string, unknown>>)[field];
      return typeof value === 'string' ? [[field, field === 'domain' ? value.toLowerCase() : value]] : [];
    }),
  ) as Chosen;
  const isAll = Object.keys(about).length === 0;
  if (isAll !== (named.all === true)) return problem(422, 'Unprocessable Content', isAll ? NOTHING_NAMED : BOTH_NAMED);
  return shown(await act(about));
}

const NOTHING_NAMED = 'nothing is named: give tenant, pool, domain or site; or all, to mean all mail';
const BOTH_NAMED = 'all means all mail: give it alone, or without it what is meant';

function numberOf(said: string | null): number | undefined {
  const number = Number(said ?? Number.NaN);
  return Number.isSafeInteger(number) && number > 0 ? number : undefined;
}
