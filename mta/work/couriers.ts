/**
 * What each connection is given for its life: how to open a session, sign, settle, and whom to ask before each message.
 */
import type { Resources } from '#crds/source/resources.ts';
import type { Resolver } from '#lib/dns/resolver.ts';
import type { Keyring } from '#lib/keyring/keyring.ts';
import type { Clock } from '#lib/run/clock.ts';
import type { Log } from '#lib/run/log.ts';
import { metrics } from '#lib/run/metrics.ts';
import type { Random } from '#lib/run/random.ts';
import type { Attempt, OpeningStep } from '../mail/attempt.ts';
import type { Directions } from '../declared/directions.ts';
import { Proxies } from '../declared/proxies.ts';
import { ownPlaces } from '../declared/own-places.ts';
import { type Claim, type LaneName, type Lease, parseLane, type Queue } from '../queue/queue.ts';
import { type Reply, replyLine } from '../mail/reply.ts';
import type { ReturnPaths } from '../declared/return-paths.ts';
import type { Turn } from '../schedule/plan.ts';
import type { Restraints } from '../schedule/restraints.ts';
import type { EgressSource } from '../schedule/source.ts';
import type { Approach, ConnectFailure, ConnectSetup } from '../send/connect.ts';
import type { Courier, Opening, OpeningFor, UnderWay } from '../send/courier.ts';
import { dial, dialFor, type Need } from '../send/dial.ts';
import { Lacks } from '../send/lacks.ts';
import { measured } from '../send/measured.ts';
import type { OpenSocket } from '../send/open.ts';
import { familiesOf, type Resolution, resolve } from '../send/resolve.ts';
import { sign } from '../send/sign.ts';
import { defaultTimeouts } from '../send/timeouts.ts';
import { clientContext } from '../send/tls.ts';
import type { Suppressions } from '../settle/ledger/suppressions.ts';
import type { Settler } from '../settle/settle.ts';
import { suppressedReply } from '../mail/suppression.ts';

export interface CouriersOptions {
  readonly queue: Queue;
  readonly claim: Claim;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly resolver: Resolver;
  readonly resources: () => Resources;
  /** Folder of resources, with the secrets they name; absent: there are none. */
  readonly config?: string | undefined;
  readonly keyring: () => Keyring;
  readonly suppressions: Pick<Suppressions, 'match'>;
  /** Our own name, where a source has none. */
  readonly hostname: string;
  readonly directions: Directions;
  readonly restraints: Restraints;
  readonly returnPaths: ReturnPaths;
  readonly settler: Settler;
  /** Whether attempts are traced. */
  readonly isTraced: boolean;
  readonly openSocket?: OpenSocket | undefined;
  /** Told of faults of ours. Must not throw. */
  readonly troubled: (thrown: unknown) => void;
}

/** From where a connection goes to where, and where its steps are noted. */
interface Way {
  readonly source: EgressSource;
  readonly lane: LaneName;
  readonly steps?: OpeningStep[];
}

/** What opening took belongs to the first attempt after it. */
const openingOf = ({ steps }: Way): Pick<Attempt, 'opening'> =>
  steps && steps.length > 0 ? { opening: steps.splice(0) } : {};

export class Couriers {
  /** Every connection that is under way. */
  readonly underWay = new Set<UnderWay>();
  readonly #options: CouriersOptions;
  readonly #setup: ConnectSetup;
  readonly #proxies: Proxies;

  constructor(options: CouriersOptions) {
    this.#options = options;
    this.#proxies = new Proxies(options);
    this.#setup = {
      clock: options.clock,
      timeouts: defaultTimeouts,
      context: clientContext(),
      lacks: new Lacks(options.clock),
      openSocket: options.openSocket,
    };
  }

  of({ offer, source }: Turn): Courier {
    const { queue, claim, clock, keyring, directions, restraints, returnPaths, settler, troubled } = this.#options;
    const { messagesPerConnection, site } = directions.destination(offer.lane);
    const way: Way = { source, lane: offer.lane, ...(this.#options.isTraced && { steps: [] }) };
    return {
      underWay: this.underWay,
      queue,
      clock,
      claim,
      messages: Math.min(messagesPerConnection, restraints.messagesOn(site)),
      hold: (lease) => (restraints.isIdle ? undefined : restraints.hold(directions.courseOf(lease, undefined))),
      onInDoubt: (lease) => directions.onInDoubt(lease),
      suppressed: (lease) => this.#suppressed(lease),
      open: () => this.#open(way),
      openFor: (need) => this.#openFor(need, way),
      sign: ({ message }) => sign(message, keyring().signingKeys(message.domain, message.tenant), clock.now()),
      senderOf: ({ message, index }) => returnPaths.senderOf(message, index),
      settle: (lease, attempt) => settler.settle(lease, { ...attempt, from: source.name, ...openingOf(way) }),
      expiresAt: (lease) => directions.expiresAt(lease),
      ready: () => settler.ready(),
      missed: (failure) => this.#missed(failure),
      troubled,
    };
  }

  /** Reports are not mail of the tenant's to its recipients: whoever handed mail in is owed them. */
  #suppressed({ message: { via, tenant }, recipient }: Lease): undefined | Promise<Reply | undefined> {
    const found = via === 'system' ? undefined : this.#options.suppressions.match(tenant, recipient);
    return found?.then((it) => it && suppressedReply(it));
  }

  async #open(way: Way): Promise<Opening> {
    const resolution = await this.#resolve(way);
    if (resolution.kind === 'unroutable') return resolution;
    return dial(resolution.targets, this.#approach(way), this.#setup);
  }

  async #openFor(need: Need, way: Way): Promise<OpeningFor> {
    const resolution = await this.#resolve(way, true);
    if (resolution.kind === 'unroutable') return resolution;
    const { targets, missing } = resolution;
    const opening = await dialFor(need, targets, this.#approach(way), this.#setup);
    // A host that DNS does not tell of for now may offer it.
    return opening.kind === 'unoffered' && missing ? { kind: 'unroutable', reply: missing } : opening;
  }

  #resolve({ source, lane, steps }: Way, isByHost = false): Promise<Resolution> {
    const { resources, hostname, directions, clock } = this.#options;
    const { routes } = directions.destination(lane);
    const own = ownPlaces(resources(), hostname);
    const { domain } = parseLane(lane);
    const families = familiesOf(source.address);
    const journey = { domain, routes, families, allowPrivate: this.#allowPrivate, own, isByHost };
    return measured('resolve', { clock, steps }, () => resolve(journey, this.#options));
  }

  #approach({ source, lane, steps }: Way): Approach {
    const { tls, tlsMinVersion } = this.#options.directions.destination(lane);
    const { address, ehloName } = source;
    const from = { address, ehloName, proxy: this.#proxies.of(source) };
    return { source: from, tls, tlsMinVersion, allowPrivate: this.#allowPrivate, steps };
  }

  get #allowPrivate(): readonly string[] {
    return this.#options.resources().clusters[0]?.spec.dns.allowPrivate ?? [];
  }

  #missed({ stage, target, reply: said }: ConnectFailure): void {
    metrics.connectFailures.inc({ stage });
    const fields = { stage, host: target.host, address: target.address, port: target.port, reply: replyLine(said) };
    this.#options.log.warn('no session', fields);
  }
}
