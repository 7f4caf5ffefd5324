/**
 * Chooses the IP address a connection leaves from: each member of a pool has its share of the messages, by weight.
 *
 * Stride scheduling (Waldspurger & Weihl, 1995) over messages, not connections: whoever is furthest behind its share
 * gets the next connection. A choice holds for the connection's life. Members that are suspended, resting, neither of this
 * machine nor behind a proxy or out of their warm-up are passed over; when all of a pool are out of warm-up, its overflow pool sends.
 *
 * Left to others: how many connections there are (`scheduler.ts`), when a source rests (who sees it fail).
 */
import { keyOf } from '#crds/resource.ts';
import type { IPPool } from '#crds/kinds/ip-pool.ts';
import type { Clock, Duration } from '#lib/run/clock.ts';
import { minutes, seconds } from '#lib/run/clock.ts';
import type { Course } from '../mail/firing.ts';
import type { SourceState } from '../mail/explanation.ts';
import type { BudgetClaim, Claim, Limits, SlotClaim } from './limits/limits.ts';
import type { Rests } from './rests.ts';
import { dayEnds, warmUpLimit } from './warm-up.ts';

/** One address mail may leave from. */
export interface EgressSource {
  /** `namespace/pool/member`. */
  readonly name: string;
  /** Name of the member in its pool. */
  readonly member: string;
  readonly weight: number;
  /** Address to bind to; `''` leaves the choice to the machine. */
  readonly address: string;
  readonly ehloName: string;
  /** The proxy that has the address; absent: this machine has it. */
  readonly proxy?: SourceProxy;
}

/** One that a pool names, or that of a node as the operator says it, which has the cluster's own login. */
export interface SourceProxy extends NonNullable<Member['proxy']> {
  readonly isOfNode?: true;
}

/** Where a connection goes, as far as the choice depends on it. */
export interface Towards {
  readonly pool: string;
  readonly site: string;
  /** Whom the receivers' judgement is shared with: the provider, or the site itself. */
  readonly provider: string;
  readonly connectionsPerSource: number;
  /** The address that should be used if it can be. */
  readonly from?: string | undefined;
  /** Name of a source that must not be used. */
  readonly not?: string | undefined;
}

/** `claims`: what its messages count against beside the site's. `none`: nobody can, for so long. */
export type SourceOffer =
  | {
      readonly kind: 'source';
      readonly source: EgressSource;
      readonly slots: readonly SlotClaim[];
      readonly claims: readonly Claim[];
    }
  | { readonly kind: 'none'; readonly wait: Duration; readonly why: string };

export interface SourcesOptions {
  readonly clock: Clock;
  readonly limits: Limits;
  readonly rests: Rests;
  readonly pool: (name: string) => IPPool | undefined;
  /** Our own name, where a member has none. */
  readonly hostname: string;
}

type Member = IPPool['spec']['members'][number];

/** How soon a pool without a usable address is looked at again. */
const LOOK_AGAIN: Duration = minutes(1);
/** Who can send so soon is waited for: what is shared with others may be on its way. */
const WORTH_WAITING: Duration = seconds(5);
/** Messages a connection is expected to carry, for the choice among several opened at once. */
const PER_CONNECTION = 20;

/** `passed`: messages sent, each divided by the weight. `isAway`: when somebody was chosen last it could not be. */
interface Progress {
  passed: number;
  open: number;
  isAway: boolean;
}

export class Sources {
  readonly #options: SourcesOptions;
  readonly #progress = new Map<string, Progress>();
  /** How far the last of a pool's sources had come when one was chosen. */
  readonly #levels = new Map<string, number>();

  constructor(options: SourcesOptions) {
    this.#options = options;
  }

  choose(towards: Towards): SourceOffer {
    const pool = this.#options.pool(towards.pool);
    if (!pool) return none(`there is no IPPool ${towards.pool}`, LOOK_AGAIN);
    const own = this.#chooseIn(pool, towards);
    const overflow = pool.spec.overflowPoolRef;
    if (own.kind === 'source' || own.wait < WORTH_WAITING || !overflow || !this.#isWarmingUp(pool)) return own;
    const other = this.#options.pool(keyOf({ namespace: pool.metadata.namespace, name: overflow.name }));
    const instead = other && this.#chooseIn(other, { ...towards, from: undefined });
    return instead?.kind === 'source' ? instead : own;
  }

  /** Every member of a pool, and what keeps it from sending there now; for people. */
  members(towards: Towards): SourceState[] {
    const pool = this.#options.pool(towards.pool);
    return (pool?.spec.members ?? []).flatMap((member) => (pool ? [this.#stateOf(pool, member, towards)] : []));
  }

  #stateOf(pool: IPPool, member: Member, towards: Towards): SourceState {
    const name = nameOf(pool, member);
    const offer = this.#offerOf(pool, member, towards);
    const why = barOf(pool, member) ?? (offer.kind === 'none' ? offer.why : undefined);
    const warmUp = this.#warmUpOf(name, member, towards.provider).flatMap((it) =>
      it.kind === 'budget' ? [it] : [],
    )[0];
    return {
      name,
      address: member.address,
      ...(why !== undefined && { why }),
      ...(warmUp && { warmUp: { limit: warmUp.limit, left: this.#leftOf(warmUp) } }),
    };
  }

  /** What may still be taken today. */
  #leftOf(budget: BudgetClaim): number {
    return this.#options.limits.room(budget, budget.limit).granted;
  }

  /** Whether what one source sends could leave by another now. */
  hasOther({ pool, site, provider, source }: Course): boolean {
    return this.choose({ pool, site, provider, connectionsPerSource: Infinity, not: source }).kind === 'source';
  }

  /** A connection from it is being made. */
  opened(source: EgressSource): void {
    this.#of(source.name).open += 1;
  }

  ended(source: EgressSource): void {
    this.#of(source.name).open -= 1;
  }

  /** Messages leave by it; negative: they did not after all. */
  sent(source: EgressSource, messages: number): void {
    this.#of(source.name).passed += messages / source.weight;
  }

  #chooseIn(pool: IPPool, towards: Towards): SourceOffer {
    let wait = LOOK_AGAIN;
    let why = `no member of IPPool ${keyOf(pool.metadata)} can send from this machine`;
    const offers: (SourceOffer & { readonly kind: 'source' })[] = [];
    for (const member of pool.spec.members) {
      const bar = barOf(pool, member);
      if (bar !== undefined && pool.verdict && !isOwnWill(member)) why = `${nameOf(pool, member)}: ${bar}`;
      if (nameOf(pool, member) === towards.not) continue;
      const offer = bar === undefined ? this.#offerOf(pool, member, towards) : undefined;
      if (offer?.kind === 'source') offers.push(offer);
      else this.#of(nameOf(pool, member)).isAway = true;
      if (offer?.kind === 'none') [wait, why] = [Math.min(wait, offer.wait), offer.why];
    }
    const pinned = offers.find(({ source }) => source.address === towards.from);
    return pinned ?? this.#furthestBehind(keyOf(pool.metadata), offers) ?? none(why, wait);
  }

  #offerOf(pool: IPPool, member: Member, { site, provider, connectionsPerSource }: Towards): SourceOffer {
    const name = nameOf(pool, member);
    for (const rest of [sourceRest(name), sourceAtSite(name, site)]) {
      const state = this.#options.rests.of(rest);
      if (state.kind === 'wait') return none(`${rest} rests`, state.wait);
    }
    const claims = this.#warmUpOf(name, member, provider);
    const room = this.#options.limits.take(claims, 1);
    if (room.granted === 0)
      return none(`${name} has sent what its warm-up allows today`, Math.min(room.wait, LOOK_AGAIN));
    this.#options.limits.giveBack(claims, 1);
    const { address, weight, ehloName = this.#options.hostname } = member;
    const proxy = proxyOf(pool, member);
    return {
      kind: 'source',
      source: { name, member: member.name, address, ehloName, weight, ...(proxy && { proxy }) },
      slots: [{ name: sourceAtSite(name, site), most: connectionsPerSource }],
      claims,
    };
  }

  #warmUpOf(name: string, { warmup }: Member, provider: string): readonly Claim[] {
    const now = this.#options.clock.now();
    const limit = warmup && warmUpLimit(warmup, now);
    if (limit === undefined) return [];
    const day = new Date(now).toISOString().slice(0, 10);
    return [{ kind: 'budget', name: `warm-up ${name} ${provider} ${day}`, limit, ends: dayEnds(now) }];
  }

  #isWarmingUp({ spec }: IPPool): boolean {
    const now = this.#options.clock.now();
    return spec.members.some(({ warmup }) => warmup && warmUpLimit(warmup, now) !== undefined);
  }

  #furthestBehind<Offer extends { readonly source: EgressSource }>(
    pool: string,
    offers: readonly Offer[],
  ): Offer | undefined {
    const all = offers.map(({ source }) => this.#of(source.name));
    if (all.length > 0) this.#welcome(pool, all);
    let chosen: Offer | undefined;
    let least = Infinity;
    for (const offer of offers) {
      const progress = this.#of(offer.source.name);
      const expected = progress.passed + ((progress.open + 1) * PER_CONNECTION) / offer.source.weight;
      if (expected < least) [chosen, least] = [offer, expected];
    }
    return chosen;
  }

  /**
   * A newcomer, or one that was away, does not make up for what it has missed: it is beside the last of those that were there; where none of
   * them is there now, where the last of them was.
   */
  #welcome(pool: string, all: readonly Progress[]): void {
    const stayed = all.filter((it) => !it.isAway).map((it) => it.passed);
    const level = this.#levels.get(pool) ?? 0;
    const beside = stayed.length > 0 ? Math.min(...stayed) : level;
    for (const it of all) {
      if (it.isAway) it.passed = Math.max(it.passed, beside);
      it.isAway = false;
    }
    this.#levels.set(pool, Math.max(level, Math.min(...all.map((it) => it.passed))));
  }

  #of(name: string): Progress {
    const known = this.#progress.get(name);
    if (known) return known;
    const progress = { passed: 0, open: 0, isAway: true };
    this.#progress.set(name, progress);
    return progress;
  }
}

/** What its own resource says against a member, or the operator. */
function barOf({ verdict }: IPPool, { name, suspend, egress, weight }: Member): string | undefined {
  if (suspend) return 'suspended in its IPPool';
  if (weight === 0) return 'weight 0';
  const { bar, endpoint } = verdict?.[name] ?? {};
  if (bar !== undefined) return bar;
  if (egress !== 'Node' || endpoint !== undefined) return undefined;
  return verdict ? 'no node has said yet that it holds the address' : 'of another machine';
}

const isOwnWill = ({ suspend, weight }: Member): boolean => suspend || weight === 0;

function proxyOf({ verdict }: IPPool, { name, egress, proxy }: Member): SourceProxy | undefined {
  const url = verdict?.[name]?.endpoint;
  return egress === 'Node' && url !== undefined ? { url, isOfNode: true } : proxy;
}

const nameOf = ({ metadata }: IPPool, { name }: Member): string => `${keyOf(metadata)}/${name}`;

/** What rests when an address cannot be bound to; nothing is wrong with the mail or the site. */
export const sourceRest = (source: string): string => `source ${source}`;

/** What rests when one site refuses one source, and what its connections are counted under. */
export const sourceAtSite = (source: string, site: string): string => `source ${source} at ${site}`;

const none = (why: string, wait: Duration): SourceOffer => ({ kind: 'none', wait, why });
