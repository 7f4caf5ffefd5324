/**
 * The admin API of mail that came back: what, when, for whom, how it was read and what it caused, with copies if wanted.
 *
 *     GET /v1/returned/WHAT?copies=1      WHAT: a message's id, a recipient, an address for complaints, postmaster@…
 */
import { parseAddress } from '#lib/address/address.ts';
import { json, problem, type Route } from '#lib/http/server.ts';
import type { MailEvent } from '../event.ts';
import type { MessageId } from '../message.ts';
import type { Ledger } from '../settle/ledger/ledger.ts';
import type { Stray } from '../settle/ledger/returned.ts';
import { subjectKey } from '../suppression.ts';
import type { Returned, ReturnedMailItem } from './returned.ts';

export type ReturnedLedger = Pick<Ledger, 'trace' | 'copies'> & {
  readonly returned: Pick<Ledger['returned'], 'strays' | 'messagesFor'>;
};

/** Messages of one recipient that are looked at, the newest. */
const MOST_MESSAGES = 100;

/** An item, and the copy it tells of. */
interface Kept {
  readonly item: ReturnedMailItem;
  readonly copy: Buffer | undefined;
}

export const returnedRoutes = (ledger: ReturnedLedger): Route[] => [
  {
    method: 'GET',
    path: '/v1/returned/:what',
    handle: async ({ parameters, query }) => {
      const what = parameters['what'] ?? '';
      const kept = what.includes('@') ? await byAddress(ledger, what) : await byMessage(ledger, what.toLowerCase());
      if (kept.length === 0) return problem(404, 'Not Found', `nothing that came back is known of ${what}`);
      const returned = kept
        .toSorted((one, other) => one.item.at - other.item.at)
        .map(({ item, copy }) => (query.has('copies') ? withCopy(item, copy) : item));
      return json({ what, returned } satisfies Returned);
    },
  },
];

async function byAddress(ledger: ReturnedLedger, text: string): Promise<readonly Kept[]> {
  const reading = parseAddress(text, { utf8: true });
  if (reading.kind === 'problem') return [];
  const address = reading.address.text;
  const strays = (await ledger.returned.strays(address)).map(keptStray);
  const found: Kept[] = [];
  for (const id of await ledger.returned.messagesFor(address, MOST_MESSAGES)) {
    const kept = await byMessage(ledger, id);
    found.push(...kept.filter(({ item }) => subjectKey(item.recipient) === subjectKey(address)));
  }
  return [...strays, ...found];
}

/** Events `returned` and copies are written together, in one order. */
async function byMessage(ledger: ReturnedLedger, id: MessageId): Promise<readonly Kept[]> {
  const [events, copies] = [await ledger.trace(id), await ledger.copies(id)];
  const came = events.flatMap((event, at) => (event.type === 'returned' ? [{ event, at }] : []));
  return came.map(({ event, at }, nth) => ({
    item: itemOf(event, causedBy(event, events[at + 1])),
    copy: copies[nth],
  }));
}

/** What it says is the event that follows it, for the same recipient. */
function causedBy(event: MailEvent, next: MailEvent | undefined): MailEvent | undefined {
  const isCaused = next?.type === 'bounced-later' || next?.type === 'complained';
  return isCaused && next.index === event.index ? next : undefined;
}

const itemOf = (
  { at, message, recipient, report, host, foundBy }: MailEvent,
  caused?: MailEvent,
): ReturnedMailItem => ({
  at,
  message,
  recipient,
  report: report ?? 'other',
  host: host ?? '',
  foundBy: foundBy ?? 'return-path',
  ...(caused && { caused }),
});

const keptStray = ({ at, recipient, report, host, copy }: Stray): Kept => ({
  item: { at, recipient, report, host },
  copy,
});

const withCopy = (item: ReturnedMailItem, copy: Buffer | undefined): ReturnedMailItem =>
  copy ? { ...item, copy: copy.toString('base64') } : item;
