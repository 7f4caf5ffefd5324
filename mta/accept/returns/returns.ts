/**
 * Mail that comes back: taken without AUTH where it may come, and kept with the message it is about.
 *
 * Promises: at a host of return paths everything that is about no message of ours gets one reply, whatever is wrong with
 * it; 250 means that events, copy and suppression are durable; nothing taken here ever causes mail, so nothing can be
 * bounced off us. Returned mail goes alone, one recipient in a transaction, so that it is never queued with other mail. A
 * message has room for a few returns, and an address for a few that are about no message: nobody can fill the disk. Who
 * sends mail of their own is not stopped by addresses of another tenant.
 */
import type { Clock, Instant } from '#lib/run/clock.ts';
import { codeOf } from '#lib/run/fault.ts';
import { metrics } from '#lib/run/metrics.ts';
import type { MailEvent } from '../../mail/event.ts';
import { type Reply, reply } from '../../mail/reply.ts';
import type { Report } from '../../mail/report.ts';
import type { Ledger } from '../../settle/ledger/ledger.ts';
import type { ReturnedMail, Stray } from '../../settle/ledger/returned.ts';
import type { Suppressions } from '../../settle/ledger/suppressions.ts';
import type { Suppression } from '../../mail/suppression.ts';
import type { Envelope, Peer } from '../smtp/submission.ts';
import { type Consequence, consequenceOf, type Judge } from './consequence.ts';
import { type About, hostOf, laterEvent, returnedEvent } from './events.ts';
import { withLineEnds } from './line-ends.ts';
import { findMatch, type Found, matchSealed } from './match.ts';
import { includes, type Place, type ReturnPlaces } from './place.ts';
import { readReport } from './read-report.ts';

export interface ReturnsOptions {
  readonly places: ReturnPlaces;
  readonly ledger: Pick<Ledger, 'trace' | 'keep'> & {
    readonly returned: Pick<ReturnedMail, 'shelve'>;
    readonly suppressions: Pick<Suppressions, 'suppress'>;
  };
  readonly judge: Judge;
  readonly clock: Clock;
  /** Told of each event that is durable. Must not throw. */
  readonly tell: (event: MailEvent) => void;
  /** Told of mail about no message that is durable. Must not throw. */
  readonly shelved: (stray: Stray) => void;
  /** Told when the ledger could not be written. Must not throw. */
  readonly troubled: (thrown: unknown) => void;
}

/** Who hands in mail: a tenant's own, or a stranger. */
export type Giver = string | undefined;

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
const early = reply(451, '4.5.0', 'the message it is about is still on its way: try again later');
const crowded = reply(452, '4.2.2', 'too much is kept here that is about no message of ours: try again later');
const taken = reply(250, '2.0.0', 'taken');
const full = reply(452, '4.3.1', 'no room: try again later');
const unwritable = reply(451, '4.3.0', 'cannot be kept now: try again later');

export class Returns {
  readonly #options: ReturnsOptions;

  constructor(options: ReturnsOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#options.places.isOpen;
  }

  /** Whether mail to these recipients is mail that comes back. */
  takes(giver: Giver, [recipient]: readonly string[]): boolean {
    return recipient !== undefined && this.#placeFor(giver, recipient) !== undefined;
  }

  judge(giver: Giver, sender: string, recipient: string, others: readonly string[]): Verdict {
    const place = this.#placeFor(giver, recipient);
    if (others.length > 0 && (place || this.takes(giver, others))) return { kind: 'refused', reply: apart };
    if (!place) return { kind: 'ordinary' };
    // A report of a program comes from the null sender (RFC 3464 §2): what else comes to an unknown address is guessing.
    return place.kind === 'host' && sender !== '' ? refused(unknown) : { kind: 'taken' };
  }

  /** The reply to the end of the message. */
  async accept(giver: Giver, peer: Peer, { recipients }: Envelope, raw: Buffer): Promise<Reply> {
    const [recipient = ''] = recipients;
    const place = this.#placeFor(giver, recipient);
    try {
      return place ? await this.#take(place, recipient, peer, withLineEnds(raw)) : refused(unknown).reply;
    } catch (thrown) {
      this.#options.troubled(thrown);
      return codeOf(thrown) === 'storage-full' ? full : unwritable;
    }
  }

  /** An address of another tenant is an address like any other to who sends mail of their own. */
  #placeFor(giver: Giver, address: string): Place | undefined {
    const place = this.#options.places.placeOf(address);
    const isForeign = giver !== undefined && place && place.kind !== 'return-path' && !includes(place.tenants, giver);
    return isForeign ? undefined : place;
  }

  async #take(place: Place, recipient: string, peer: Peer, raw: Buffer): Promise<Reply> {
    const { ledger, places } = this.#options;
    const trace = (id: string): Promise<readonly MailEvent[]> => ledger.trace(id);
    if (place.kind === 'return-path') {
      const match = await matchSealed(place, { trace });
      return match.kind === 'found' ? this.#keep(match, await readReport(raw), peer, raw) : refused(unknown).reply;
    }
    const report = await readReport(raw);
    const match = await findMatch(report, place.tenants, { read: (address) => places.read(address), trace });
    if (match.kind === 'found') return this.#keep(match, report, peer, raw);
    if (match.kind === 'early') return early;
    if (place.kind === 'host') return refused(unknown).reply;
    const tenant = place.tenants === 'all' ? '' : (place.tenants[0] ?? '');
    return this.#shelve({ tenant, recipient, report: report.kind, host: hostOf(peer) }, raw);
  }

  async #keep(found: Found, report: Report, peer: Peer, raw: Buffer): Promise<Reply> {
    const { ledger, clock, tell } = this.#options;
    const now = clock.now();
    const about = found.about.flatMap((queued) => aboutOf(queued, found.events, now) ?? []);
    if (about.length === 0) return refused(enough).reply;
    const events: MailEvent[] = [];
    for (const one of about) {
      const consequence = this.#consequenceOf(found, report, one.queued);
      events.push(returnedEvent(one, taken, peer, report, found.by));
      if (consequence) events.push(laterEvent(one, consequence));
      if (consequence?.suppress) await this.#suppress(one.queued, consequence.suppress, now);
    }
    await ledger.keep(events, raw.subarray(0, LARGEST_COPY));
    for (const event of events) tell(event);
    return taken;
  }

  /** One of several recipients could speak for another: what he says is kept, and suppresses nobody. */
  #consequenceOf({ isSure }: Found, report: Report, { recipient }: MailEvent): Consequence | undefined {
    const consequence = consequenceOf(report, recipient, this.#options.judge);
    if (isSure || !consequence) return consequence;
    const { suppress: _, ...unsure } = consequence;
    return unsure;
  }

  async #shelve(about: Omit<Stray, 'at' | 'copy'>, raw: Buffer): Promise<Reply> {
    const { ledger, clock, shelved } = this.#options;
    const stray: Stray = { ...about, at: clock.now(), copy: raw.subarray(0, LARGEST_COPY) };
    if ((await ledger.returned.shelve(stray)) === 'full') return refused(crowded).reply;
    shelved(stray);
    return taken;
  }

  /** Before the events: whoever returned the mail tries again unless all of it is written, and this may be repeated. */
  #suppress({ tenant, recipient }: MailEvent, reason: Suppression['reason'], now: Instant): Promise<void> {
    const source = reason === 'invalid-address' ? 'bounce' : 'complaint';
    return this.#options.ledger.suppressions.suppress(tenant, [{ subject: recipient, reason, source, createdAt: now }]);
  }
}

/** Undefined when enough has come back for this recipient. */
function aboutOf(queued: MailEvent, events: readonly MailEvent[], now: Instant): About | undefined {
  const own = events.filter((it) => it.index === queued.index);
  if (own.filter((it) => it.type === 'returned').length >= MOST_RETURNS) return undefined;
  return { queued, attempt: (own.at(-1) ?? queued).attempt, now };
}

function refused(said: Reply): { readonly kind: 'refused'; readonly reply: Reply } {
  metrics.refused.inc({ check: 'return-path' });
  return { kind: 'refused', reply: said };
}
