/**
 * The admin API: what an operator looks up about mail. Behind a token; for the machine's own people.
 */
import { json, problem, type Route } from '#lib/http/server.ts';
import type { Firing } from '../firing.ts';
import type { Queue } from '../queue/queue.ts';
import type { Ledger } from '../settle/ledger/ledger.ts';
import type { Trace } from './trace.ts';

export interface AdminParts {
  readonly ledger: Ledger;
  readonly queue: Queue;
  readonly sites: () => readonly object[];
  /** What rules over replies have set going. */
  readonly restraints: () => readonly Firing[];
}

/** More recipients than one message may have. */
const MOST_LISTED = 10_000;

export function adminRoutes({ ledger, queue, sites, restraints }: AdminParts): Route[] {
  return [
    {
      method: 'GET',
      path: '/v1/messages/:id',
      handle: async ({ parameters }) => {
        const id = parameters['id'] ?? '';
        const events = await ledger.trace(id);
        if (events.length === 0) return problem(404, 'Not Found', `nothing is known of message ${id}`);
        return json({ id, events, pending: await queue.list({ message: id }, MOST_LISTED) } satisfies Trace);
      },
    },
    {
      method: 'GET',
      path: '/v1/queue',
      handle: async () => json({ lanes: queue.depth(), sites: sites(), restraints: restraints() }),
    },
  ];
}
