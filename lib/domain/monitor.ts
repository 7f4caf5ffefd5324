/**
 * Keeps watch over the DNS of every declared domain: looks at the start, on change, at intervals and when asked.
 *
 * Every minute until a domain is verified, every hour after that, each a little off so that looks do not gather; at
 * most a few at once. A verified domain stays so over a restart. What a look found of a domain that was changed or
 * removed meanwhile counts for nothing. A latch that cannot be written is in force all the same, and written next time.
 */
import { type Clock, type Duration, hours, type Instant, minutes, type Timer } from '#lib/run/clock.ts';
import type { Resolver } from '#lib/dns/resolver.ts';
import type { Random } from '#lib/run/random.ts';
import { checkDomain, type DomainReport } from './check.ts';
import { type Claim, holderOf } from './claim.ts';
import type { ClaimStore } from './claim-store.ts';
import type { Standing } from './conditions.ts';
import { proofOf } from './dkim.ts';
import { afterSighting, isVerified, type Latch, type Sighting } from './latch.ts';
import { preferring } from './preferring.ts';
import type { DomainNeeds } from './records.ts';
import { Slots } from './slots.ts';
import { type DomainStatus, statusOf, unseen } from './status.ts';

/** A declared domain. */
export interface Watched {
  /** `namespace/name`. */
  readonly resource: string;
  readonly needs: DomainNeeds;
  /** It sends without proof, and is looked at only when somebody asks. */
  readonly isExcused: boolean;
  /** When it was declared, if that is known elsewhere; else it is when it is first seen. */
  readonly claimedAt?: Instant;
}

export interface MonitorOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** What everybody uses. */
  readonly resolver: Resolver;
  /** Without them no answer is definite, so that no latch ever falls. */
  readonly authorities?: Authorities;
  readonly store: ClaimStore;
  /** Told after each look and each change of what is declared. Must not throw. */
  readonly looked: (status: DomainStatus) => void;
  /** Told when a claim could not be written. Must not throw. */
  readonly troubled: (thrown: unknown) => void;
}

/** The domains' own servers, asked in two ways. */
export interface Authorities {
  /** Finds what all of a zone's servers have: what has been published. */
  readonly published: Resolver;
  /** Finds what any of them has: what it does not find is gone. */
  readonly left: Resolver;
}

interface Entry {
  readonly watched: Watched;
  claim: Claim;
  /** What is not written yet, or could not be. */
  isUnsaved: boolean;
  report?: DomainReport;
  checkedAt?: Instant;
  timer?: Timer;
  looking?: Promise<void>;
}

const FAST: Duration = minutes(1);
const SLOW: Duration = hours(1);
/** Part by which an interval may be longer. */
const JITTER = 0.1;
const LOOKS_AT_ONCE = 8;

export class DomainMonitor {
  readonly #options: MonitorOptions;
  readonly #dns: Resolver;
  readonly #entries = new Map<string, Entry>();
  readonly #slots = new Slots(LOOKS_AT_ONCE);
  /** The same entries by the domain they claim. */
  readonly #claimants = new Map<string, Set<Entry>>();
  /** Claims of an earlier run that have not been declared yet. */
  readonly #kept: Map<string, Claim>;
  #closed = false;

  private constructor(options: MonitorOptions, kept: readonly Claim[]) {
    const { authorities, resolver } = options;
    this.#options = options;
    this.#dns = authorities ? preferring(authorities.published, resolver) : resolver;
    this.#kept = new Map(kept.map((it) => [it.resource, it]));
  }

  /** Reads what is known of claims; nothing is looked at before `declare`. */
  static async open(options: MonitorOptions): Promise<DomainMonitor> {
    return new DomainMonitor(options, await options.store.load());
  }

  /** These are the domains now. One that is not named any more loses its claim; one that changed is looked at anew. */
  declare(all: readonly Watched[]): void {
    const named = new Set(all.map(({ resource }) => resource));
    for (const resource of [...this.#entries.keys(), ...this.#kept.keys()])
      if (!named.has(resource)) this.#drop(resource);
    for (const watched of all) {
      const before = this.#entries.get(watched.resource);
      if (!before || !isSame(before.watched, watched)) this.#take(watched, before);
    }
  }

  /** How a resource's domain stands, as far as is known. */
  status(resource: string): DomainStatus | undefined {
    const entry = this.#entries.get(resource);
    return entry && this.#statusOf(entry);
  }

  /** The same in a word, for every message that is handed in. */
  standing(resource: string): Standing | undefined {
    const entry = this.#entries.get(resource);
    return entry && this.#standingOf(entry);
  }

  /** How many domains stand how. */
  counts(): Readonly<Record<Standing, number>> {
    const counts = { verified: 0, unverified: 0, excused: 0, 'claimed-by-another': 0 };
    for (const entry of this.#entries.values()) counts[this.#standingOf(entry)] += 1;
    return counts;
  }

  /** Asks DNS now; who asks while that is done gets the same look. */
  async check(resource: string): Promise<DomainStatus | undefined> {
    const entry = this.#entries.get(resource);
    if (entry) await this.#look(entry);
    return this.status(resource);
  }

  /** Looks no more; what is under way counts for nothing. */
  close(): void {
    this.#closed = true;
    for (const { timer } of this.#entries.values()) timer?.cancel();
  }

  #drop(resource: string): void {
    this.#remove(this.#entries.get(resource));
    this.#kept.delete(resource);
    this.#options.store.forget(resource).catch((thrown: unknown) => this.#options.troubled(thrown));
  }

  #remove(entry: Entry | undefined): void {
    if (!entry) return;
    entry.timer?.cancel();
    this.#entries.delete(entry.watched.resource);
    const claimants = this.#claimants.get(entry.claim.domain);
    claimants?.delete(entry);
    if (claimants?.size === 0) this.#claimants.delete(entry.claim.domain);
  }

  #add(entry: Entry): void {
    const { domain } = entry.claim;
    this.#entries.set(entry.watched.resource, entry);
    this.#claimants.set(domain, (this.#claimants.get(domain) ?? new Set()).add(entry));
  }

  #take(watched: Watched, before: Entry | undefined): void {
    this.#remove(before);
    const { resource, needs } = watched;
    const kept = before?.claim ?? this.#kept.get(resource);
    const isKnown = kept?.domain === needs.domain;
    const fresh: Claim = {
      resource,
      domain: needs.domain,
      claimedAt: watched.claimedAt ?? this.#options.clock.now(),
      latch: {},
    };
    const entry = { watched, claim: isKnown ? kept : fresh, isUnsaved: !isKnown || before?.isUnsaved === true };
    this.#kept.delete(resource);
    this.#add(entry);
    this.#options.looked(this.#statusOf(entry));
    if (!watched.isExcused) void this.#look(entry);
  }

  #look(entry: Entry): Promise<void> {
    entry.looking ??= this.#slots.run(async () => this.#lookAt(entry)).finally(() => delete entry.looking);
    return entry.looking;
  }

  async #lookAt(entry: Entry): Promise<void> {
    if (this.#isPast(entry)) return;
    entry.timer?.cancel();
    const { needs } = entry.watched;
    const report = await checkDomain(needs, this.#dns);
    const sighting = await this.#sightingOf(report, needs);
    if (this.#isPast(entry)) return;
    const now = this.#options.clock.now();
    entry.report = report;
    entry.checkedAt = now;
    this.#keep(entry, afterSighting(entry.claim.latch, sighting, now));
    await this.#save(entry);
    this.#options.looked(this.#statusOf(entry));
    this.#plan(entry);
  }

  #isPast(entry: Entry): boolean {
    return this.#closed || this.#entries.get(entry.watched.resource) !== entry;
  }

  /** Only the domain's own servers may say that its key is not there, and all that answer must. */
  async #sightingOf({ proof }: DomainReport, needs: DomainNeeds): Promise<Sighting> {
    const { authorities } = this.#options;
    if (proof === 'seen' || !authorities) return proof === 'seen' ? 'seen' : 'unknown';
    return (await proofOf(needs, authorities.left)) === 'absent' ? 'absent' : 'unknown';
  }

  #keep(entry: Entry, latch: Latch): void {
    entry.isUnsaved ||= JSON.stringify(latch) !== JSON.stringify(entry.claim.latch);
    entry.claim = { ...entry.claim, latch };
  }

  async #save(entry: Entry): Promise<void> {
    if (!entry.isUnsaved) return;
    try {
      await this.#options.store.save(entry.claim);
      entry.isUnsaved = false;
    } catch (thrown) {
      this.#options.troubled(thrown);
    }
  }

  #plan(entry: Entry): void {
    if (this.#isPast(entry) || entry.watched.isExcused) return;
    const each = isVerified(entry.claim.latch) ? SLOW : FAST;
    const delay = each * (1 + JITTER * this.#options.random.fraction());
    entry.timer = this.#options.clock.after(delay, () => void this.#look(entry));
  }

  #statusOf(entry: Entry): DomainStatus {
    const { watched, claim, report, checkedAt } = entry;
    const { verifiedAt } = claim.latch;
    const { resource, domain } = claim;
    const times = { ...(verifiedAt !== undefined && { verifiedAt }), ...(checkedAt !== undefined && { checkedAt }) };
    const base = { resource, domain, standing: this.#standingOf(entry), ...times };
    return statusOf(base, report ?? unseen(watched.needs));
  }

  #standingOf({ watched, claim }: Entry): Standing {
    if (watched.isExcused) return 'excused';
    if (!isVerified(claim.latch)) return 'unverified';
    const claims = [...(this.#claimants.get(claim.domain) ?? [])].map((it) => it.claim);
    return holderOf(claims)?.resource === claim.resource ? 'verified' : 'claimed-by-another';
  }
}

/** Thousands are declared anew when one of them changes: who has not changed them hands in the same objects. */
const isSame = (one: Watched, other: Watched): boolean =>
  one === other || JSON.stringify(one) === JSON.stringify(other);
