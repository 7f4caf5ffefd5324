/**
 * Finds which message, and which of its recipients, mail is about that came to no return path of theirs.
 *
 * By a sealed return path anywhere in it, then by a message id in the headers it holds. A seal is one recipient's own. An id
 * is known to all recipients of a message and to whoever they showed it, so by an id only a recipient counts that the
 * message was sent to, of a tenant whose mail may come back here; who is meant among several, the report must name.
 */
import type { MailEvent } from '../../mail/event.ts';
import type { MessageId } from '../../mail/message.ts';
import type { Report } from '../../mail/report.ts';
import { subjectKey } from '../../mail/suppression.ts';
import { includes, type Returned, type Tenants } from './place.ts';

export interface Found {
  readonly kind: 'found';
  /** Every event of the message. */
  readonly events: readonly MailEvent[];
  /** `queued` of those it is about; at least one. */
  readonly about: readonly MailEvent[];
  /** Nobody but the recipient's own side could say so. */
  readonly isSure: boolean;
  readonly by: 'return-path' | 'headers';
}

/** `early`: it is about mail that is still on its way; soon more may be known. */
export type Match = Found | { readonly kind: 'none' | 'early' };

export interface Known {
  read(address: string): Returned | undefined;
  trace(message: MessageId): Promise<readonly MailEvent[]>;
}

const NONE: Match = { kind: 'none' };
/** Recipients of one message that one report may name. */
const MOST_NAMED = 20;

export async function findMatch(report: Report, tenants: Tenants, known: Known): Promise<Match> {
  for (const address of report.returnPaths) {
    const returned = known.read(address);
    const match = returned && includes(tenants, returned.tenant) ? await matchSealed(returned, known) : NONE;
    if (match.kind === 'found') return match;
  }
  for (const id of report.messageIds) {
    const match = matchNamed(report, await eventsOf(id, tenants, known));
    if (match.kind !== 'none') return match;
  }
  return NONE;
}

/** What a valid return path is about. */
export async function matchSealed({ tenant, message, index }: Returned, known: Pick<Known, 'trace'>): Promise<Match> {
  const events = await eventsOf(message, [tenant], known);
  const about = queuedOf(events).filter((it) => it.index === index);
  return about.length === 0 ? NONE : { kind: 'found', events, about, isSure: true, by: 'return-path' };
}

/** Nobody named, or only in disguise (RFC 6590), can only be the one recipient there is. */
function matchNamed({ recipients }: Report, events: readonly MailEvent[]): Match {
  const queued = queuedOf(events);
  const named = new Set(recipients.map(({ address }) => subjectKey(address)));
  const isAlone = queued.length === 1;
  const meant = isAlone ? queued : queued.filter((it) => named.has(subjectKey(it.recipient))).slice(0, MOST_NAMED);
  const about = meant.filter(({ index }) => events.some((it) => it.index === index && wasSent(it)));
  if (about.length > 0) return { kind: 'found', events, about, isSure: isAlone, by: 'headers' };
  return meant.some(({ index }) => !events.some((it) => it.index === index && hasEnded(it))) ? { kind: 'early' } : NONE;
}

const eventsOf = async (id: MessageId, tenants: Tenants, { trace }: Pick<Known, 'trace'>): Promise<MailEvent[]> =>
  (await trace(id)).filter((it) => includes(tenants, it.tenant));

const queuedOf = (events: readonly MailEvent[]): readonly MailEvent[] => events.filter((it) => it.type === 'queued');

const wasSent = ({ type, inDoubt }: MailEvent): boolean => type === 'delivered' || inDoubt === true;

const hasEnded = ({ type }: MailEvent): boolean => type === 'bounced' || type === 'expired' || type === 'cancelled';
