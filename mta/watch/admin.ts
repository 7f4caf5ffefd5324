/**
 * The admin API: what an operator looks up about mail. Behind a token; for the machine's own people.
 */
import { json, problem } from '#lib/http/server.ts';
import type { MessageId } from '../mail/message.ts';
import type { Reached } from '../mail/reached.ts';
import type { Pending } from '../queue/queue.ts';
import type { Ledger } from '../settle/ledger/ledger.ts';
import type { AdminRoute } from './admin-route.ts';
import type { Trace } from './trace.ts';

export interface AdminParts {
  readonly ledger: Pick<Ledger, 'trace'>;
  /** Recipients of a message that have not ended. */
  readonly pendingOf: (id: MessageId) => Promise<Reached<readonly Pending[]>>;
}

export function adminRoutes({ ledger, pendingOf }: AdminParts): AdminRoute[] {
  return [
    {
      method: 'GET',
      path: '/v1/messages/:id',
      told: {
        operationId: 'traceMessage',
        summary: 'Every event of a message, oldest first, and its recipients that have not ended.',
        answers: 'Anything',
        refuses: { 404: 'Nothing is known of it.' },
      },
      handle: async ({ parameters }) => {
        const id = parameters['id'] ?? '';
        const events = await ledger.trace(id);
        if (events.length === 0) return problem(404, 'Not Found', `nothing is known of message ${id}`);
        const { found: pending, missing } = await pendingOf(id);
        return json({ id, events, pending, ...(missing.length > 0 && { missing }) } satisfies Trace);
      },
    },
  ];
}
