/**
 * Mail that comes back: taken for a valid return path, without AUTH, and kept with the message it is about.
 *
 * Promises: at a host of return paths everything but a valid one gets one reply, whatever is wrong with it; 250 means
 * that events, copy and suppression are durable; nothing taken here ever causes mail, so nothing can be bounced off us. Returned mail
 * goes alone, one recipient in a transaction, so that it is never queued with other mail. A message has room for a few
 * returns: somebody who has one return path cannot fill the disk.
 */
import type { Clock, Instant } from '#lib/run/clock.ts';
import { codeOf } from '#lib/run/fault.ts';
import { metrics } from '#lib/run/metrics.ts';
import type { EventType, MailEvent } from '../../event.ts';
import { domainOf } from '../../message.ts';
import { type Reply, reply, replyLine } from '../../reply.ts';
import type { Report } from '../../report.ts';
import type { Returning } from '../../return-path.ts';
import type { Ledger } from '../../settle/ledger/ledger.ts';
import type { Suppressions } from '../../settle/ledger/suppressions.ts';
import type { Suppression } from '../../suppression.ts';
import type { Envelope, Peer } from '../smtp/submission.ts';
import { type Consequence, consequenceOf, type Judge } from './consequence.ts';
import { withLineEnds } from './line-ends.ts';
import { readReport } from './read-report.ts';

/** A recipient and whose it is. */
export interface Returned extends Returning {
  readonly tenant: string;
}

/** What return paths are ours now. */
export interface ReturnAddresses {
  readonly isOpen: boolean;
  isHost(domain: string): boolean;
  read(address: string): Returned | undefined;
}

export interface ReturnsOptions {
  readonly addresses: ReturnAddresses;
  readonly ledger: Pick<Ledger, 'trace' | 'keep'> & { readonly suppressions: Pick<Suppressions, 'suppress'> };
  readonly judge: Judge;
  readonly clock: Clock;
  /** Told of each event that is durable. Must not throw. */
  readonly tell: (event: MailEvent) => void;
  /** Told when the ledger could not be written. Must not throw. */
  readonly troubled: (thrown: unknown) => void;
}

/** `ordinary`: no mail that comes back. */
export type Verdict = { readonly kind: 'ordinary' | 'taken' } | { readonly kind: 'refused'; readonly reply: Reply };

/** So much of mail that comes back is read: header and report stand in front, and the rest is what we sent. */
export const FRONT_OF_RETURN = 128 * 1024;
/** What is kept of it. */
const LARGEST_COPY = 64 * 1024;
/** Returns kept for one recipient of a message. */
const MOST_RETURNS = 10;

const unknown = reply(550, '5.1.1', 'no such address');
const apart = reply(452, '4.5.3', 'Mail to a return path goes alone; send the rest in another transaction');
const enough = reply(550, '5.2.2', 'enough has come back for this message');
const taken = reply(250, '2.0.0', 'taken');
const full = reply(452, '4.3.1', 'no room: try again later');
const unwritable = reply(451, '4.3.0', 'cannot be kept now: try again later');

export class Returns {
  readonly #options: ReturnsOptions;

  constructor(options: ReturnsOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#options.addresses.isOpen;
  }

  /** Whether mail to these recipients is mail that comes back. */
  takes([recipient]: readonly string[]): boolean {
    return recipient !== undefined && this.#isAtHost(recipient);
  }

  judge(recipient: string, others: readonly string[]): Verdict {
    const isReturn = this.#isAtHost(recipient);
    if (others.length > 0 && (isReturn || this.takes(others))) return { kind: 'refused', reply: apart };
    if (!isReturn) return { kind: 'ordinary' };
    return this.#options.addresses.read(recipient) ? { kind: 'taken' } : refused(unknown);
  }

  /** The reply to the end of the message. */
  async accept(peer: Peer, { recipients }: Envelope, raw: Buffer): Promise<Reply> {
    const returned = this.#options.addresses.read(recipients[0] ?? '');
    try {
      return returned ? await this.#keep(returned, peer, withLineEnds(raw)) : refused(unknown).reply;
    } catch (thrown) {
      this.#options.troubled(thrown);
      return codeOf(thrown) === 'storage-full' ? full : unwritable;
    }
  }

  async #keep({ tenant, message, index }: Returned, peer: Peer, raw: Buffer): Promise<Reply> {
    const { ledger, clock, tell } = this.#options;
    const known = (await ledger.trace(message)).filter((it) => it.tenant === tenant && it.index === index);
    const first = known.find((it) => it.type === 'queued');
    if (!first) return refused(unknown).reply;
    if (known.filter((it) => it.type === 'returned').length >= MOST_RETURNS) return refused(enough).reply;
    const report = await readReport(raw);
    const consequence = consequenceOf(report, first.recipient, this.#options.judge);
    const now = clock.now();
    const about = { queued: first, attempt: (known.at(-1) ?? first).attempt, now };
    const events = [returnedEvent(about, peer, report), ...(consequence ? [laterEvent(about, consequence)] : [])];
    if (consequence?.suppress) await this.#suppress(first, consequence.suppress, now);
    await ledger.keep(events, raw.subarray(0, LARGEST_COPY));
    for (const event of events) tell(event);
    return taken;
  }

  /** Before the events: whoever returned the mail tries again unless all of it is written, and this may be repeated. */
  #suppress({ tenant, recipient }: MailEvent, reason: Suppression['reason'], now: Instant): Promise<void> {
    const source = reason === 'invalid-address' ? 'bounce' : 'complaint';
    return this.#options.ledger.suppressions.suppress(tenant, [{ subject: recipient, reason, source, createdAt: now }]);
  }

  #isAtHost(address: string): boolean {
    return this.#options.addresses.isHost(domainOf(address));
  }
}

function refused(said: Reply): { readonly kind: 'refused'; readonly reply: Reply } {
  metrics.refused.inc({ check: 'return-path' });
  return { kind: 'refused', reply: said };
}

interface About {
  readonly queued: MailEvent;
  readonly attempt: number;
  readonly now: Instant;
}

const eventOf = ({ queued, attempt, now }: About, type: EventType, said: Reply): MailEvent => ({
  v: 1,
  at: now,
  type,
  message: queued.message,
  index: queued.index,
  tenant: queued.tenant,
  sender: queued.sender,
  recipient: queued.recipient,
  reply: replyLine(said),
  attempt,
});

const returnedEvent = (about: About, peer: Peer, { kind }: Report): MailEvent => ({
  ...eventOf(about, 'returned', taken),
  report: kind,
  host: `${peer.ehlo} [${peer.address}]`,
  ...(peer.tls !== undefined && { tls: peer.tls }),
});

const laterEvent = (about: About, { type, said, host, judged, suppress }: Consequence): MailEvent => ({
  ...eventOf(about, type, said),
  ...(host !== undefined && { host }),
  ...(judged && { class: judged.class, rule: judged.rule }),
  ...(suppress && { suppressed: suppress }),
});
