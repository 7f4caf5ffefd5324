/**
 * The admin API of mail that came back: what, when, for whom, how it was read and what it caused, with copies if wanted.
 *
 *     GET /v1/returned/WHAT?copies=1      WHAT: a message's id, a recipient, an address for complaints, postmaster@…
 */
import { parseAddress } from '#lib/address/address.ts';
import { query as queryOf } from '#lib/http/openapi.ts';
import { json, problem } from '#lib/http/server.ts';
import type { MessageId } from '../mail/message.ts';
import { type ReturnedMailItem, returnedItems, withCopy } from '../mail/returned-mail.ts';
import type { Ledger } from '../settle/ledger/ledger.ts';
import type { Stray } from '../settle/ledger/returned.ts';
import { subjectKey } from '../mail/suppression.ts';
import type { AdminRoute } from './admin-route.ts';
import type { Returned } from './returned.ts';

export type ReturnedLedger = Pick<Ledger, 'trace'> & { readonly returned: Omit<Ledger['returned'], 'shelve'> };

/** Messages of one recipient that are looked at, the newest. */
const MOST_MESSAGES = 100;

export const returnedRoutes = (ledger: ReturnedLedger): AdminRoute[] => [
  {
    method: 'GET',
    path: '/v1/returned/:what',
    told: {
      operationId: 'showReturned',
      summary: 'What came back, by message, recipient or address, oldest first.',
      query: [queryOf('copies', 'With the mail itself, in base64.', { type: 'string' })],
      answers: 'Anything',
      refuses: { 404: 'Nothing that came back is known of it.' },
    },
    handle: async ({ parameters, query }) => {
      const what = parameters['what'] ?? '';
      const found = what.includes('@') ? await byAddress(ledger, what) : await byMessage(ledger, what.toLowerCase());
      if (found.length === 0) return problem(404, 'Not Found', `nothing that came back is known of ${what}`);
      const sorted = found.toSorted((one, other) => one.at - other.at);
      return json({ what, returned: query.has('copies') ? sorted : sorted.map(withoutCopy) } satisfies Returned);
    },
  },
];

async function byAddress(ledger: ReturnedLedger, text: string): Promise<readonly ReturnedMailItem[]> {
  const reading = parseAddress(text, { utf8: true });
  if (reading.kind === 'problem') return [];
  const address = reading.address.text;
  const found = (await ledger.returned.strays(address)).map(strayItem);
  for (const id of await ledger.returned.messagesFor(address, MOST_MESSAGES)) {
    const items = await byMessage(ledger, id);
    found.push(...items.filter(({ recipient }) => subjectKey(recipient) === subjectKey(address)));
  }
  return found;
}

const byMessage = async (ledger: ReturnedLedger, id: MessageId): Promise<readonly ReturnedMailItem[]> =>
  returnedItems(await ledger.trace(id), await ledger.returned.copies(id));

const strayItem = ({ at, recipient, report, host, copy }: Stray): ReturnedMailItem =>
  withCopy({ at, recipient, report, host }, copy);

function withoutCopy(item: ReturnedMailItem): ReturnedMailItem {
  const { copy: _, ...others } = item;
  return others;
}
