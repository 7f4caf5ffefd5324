/**
 * Carries out what a `SendingDomain` says: observe, plan, apply, status.
 *
 * Order of writes: a key's Secret, then the status that hands its record out, then its next phase, each from what was read. So a process
 * that ends after any of them leaves what the next goes on from.
 */
import { availableParallelism } from 'node:os';
import { typeOfKind } from '#crds/definition.ts';
import type { SendingDomain } from '#crds/kinds/sending-domain.ts';
import { generateKey, type KeyKind } from '#lib/dkim/key.ts';
import { recordName } from '#lib/dkim/record.ts';
import type { RotationStep } from '#lib/dkim/rotation.ts';
import { selectorFor } from '#lib/dkim/selector.ts';
import type { Resolver } from '#lib/dns/resolver.ts';
import { hasKey } from '#lib/domain/key-difference.ts';
import { Slots } from '#lib/domain/slots.ts';
import { type Kube, type KubeObject, kubeKey } from '#lib/kube/kube.ts';
import { type Clock, type Duration, seconds } from '#lib/run/clock.ts';
import { Fault } from '#lib/run/fault.ts';
import type { Reconciler } from '../controller/controller.ts';
import { keepStatus } from '../controller/status.ts';
import { wishesOf } from '../controller/wishes.ts';
import type { Worked } from '../controller/work-queue.ts';
import { resourceIn } from '../typed.ts';
import { SECRETS } from '../types.ts';
import type { World } from '../world.ts';
import { bringKeys } from './bring.ts';
import { inPhase, keySecret, type KeptKey, publicRecord } from './key-secret.ts';
import { keysOf } from './keys.ts';
import type { Looks } from './looks.ts';
import { needsOf } from './needs.ts';
import { type DomainView, isLookedFor, nextRevision, recordsOf, rotationOf } from './plan.ts';
import type { Targets } from '../grants.ts';
import { isExcused, type Route, routeOf } from './pool.ts';
import { Publisher } from './publish.ts';
import { domainStatus } from './status.ts';

export interface DomainOptions {
  readonly kube: Kube;
  readonly world: World;
  readonly targets: Targets;
  readonly looks: () => Promise<Looks>;
  /** The workers' own. */
  readonly resolver: Resolver;
  readonly clock: Clock;
  /** The host that takes bounces. */
  readonly hostname: string;
  readonly loaded: (domain: SendingDomain, route: Route, selectors: readonly string[]) => Loaded;
  /** Who signs has changed. */
  readonly compile: (clusterKey: string) => void;
}

export interface Loaded {
  readonly loaded: ReadonlySet<string>;
  readonly used: ReadonlySet<string>;
}

const CONFLICT: Worked = { kind: 'conflict' };
const DOMAINS = typeOfKind('SendingDomain');
/** What was written is heard of long before. */
const HEARD_WITHIN: Duration = seconds(10);
/** A key whose record was handed out is looked for this often, and later this seldom. */
const OFTEN: Duration = seconds(60);
const SELDOM: Duration = seconds(3600);
/** RSA keys take a processor each: thousands of them leave one to whoever renews the lease. */
const KEYS_AT_ONCE = Math.max(1, availableParallelism() - 1);

export class DomainReconciler implements Reconciler {
  readonly name = 'sendingdomain';
  readonly #options: DomainOptions;
  readonly #publisher: Publisher;
  readonly #making = new Slots(KEYS_AT_ONCE);
  /** Wishes to look at DNS anew that were fulfilled, by domain. */
  readonly #reconciledAt = new Map<string, string>();

  constructor(options: DomainOptions) {
    this.#options = options;
    this.#publisher = new Publisher(options);
  }

  async reconcile(key: string): Promise<Worked> {
    const observed = this.#options.world.object(DOMAINS, key);
    const looks = await this.#options.looks();
    const domain = resourceIn(observed, 'SendingDomain');
    if (!observed || !domain || observed.metadata.deletionTimestamp !== undefined) {
      looks.drop(key);
      return { kind: 'done' };
    }
    const wishes = wishesOf(observed.metadata.annotations);
    if (wishes.isPaused) return { kind: 'done' };
    await this.#fulfil(key, wishes.reconcileAt, looks);
    const view = await this.#observe(domain, observed, looks, wishes.rotateAt);
    const problems = await bringKeys(this.#options.kube, domain, view.keys, view.now);
    return this.#carryOut(view, looks, [...wishes.problems, ...problems]);
  }

  async #fulfil(key: string, reconcileAt: string | undefined, looks: Looks): Promise<void> {
    if (reconcileAt === undefined || this.#reconciledAt.get(key) === reconcileAt) return;
    this.#reconciledAt.set(key, reconcileAt);
    await looks.ask(key);
  }

  async #observe(
    domain: SendingDomain,
    observed: KubeObject,
    looks: Looks,
    rotateAt: number | undefined,
  ): Promise<DomainView> {
    const { clock, loaded, targets } = this.#options;
    const keys = keysOf(this.#options.world, domain);
    const look = looks.last(kubeKey(domain.metadata));
    const seen = await this.#seenByWorkers(domain, keys);
    const route = routeOf(domain, targets);
    const life = route.kind === 'granted' ? seconds(route.cluster.spec.defaults.expireAfterSeconds) : 0;
    return {
      domain,
      observed,
      keys,
      look,
      isSeenByWorkers: (selector) => seen.has(selector),
      ...loaded(
        domain,
        route,
        keys.map(({ selector }) => selector),
      ),
      ...(rotateAt !== undefined && { rotateAt }),
      longestLife: life,
      now: clock.now(),
    };
  }

  /** Only keys that are about to sign are asked for: it is the last thing before they do. */
  async #seenByWorkers(domain: SendingDomain, keys: readonly KeptKey[]): Promise<ReadonlySet<string>> {
    const seen = keys.filter(({ phase }) => phase !== 'Published').map(({ selector }) => selector);
    for (const key of keys.filter(({ phase }) => phase === 'Published')) {
      const answer = await this.#options.resolver.txt(recordName(key.selector, domain.spec.domain));
      const record = publicRecord(key);
      if (answer.kind === 'found' && hasKey({ selector: key.selector, record }, answer.texts)) seen.push(key.selector);
    }
    return new Set(seen);
  }

  async #carryOut(view: DomainView, looks: Looks, problems: readonly string[]): Promise<Worked> {
    const { kube, targets, compile } = this.#options;
    const step = rotationOf(view);
    const route = routeOf(view.domain, targets);
    for (const algorithm of step.make) await this.#make(view, algorithm);
    // What was made is heard of, and then everything is said at once.
    if (step.make.length > 0) return { kind: 'done', again: HEARD_WITHIN };
    const records = recordsOf(view);
    const unpublished = await this.#publisher.problem(view.domain, view.observed, route);
    const all = unpublished === undefined ? problems : [...problems, unpublished];
    const status = domainStatus(view, { route, keys: view.keys, records, problems: all });
    const written = await keepStatus(kube, DOMAINS, view.observed, status);
    if (written.kind === 'conflict') return CONFLICT;
    const isPublished = unpublished !== undefined || route.kind === 'refused';
    if (!isPublished && !(await this.#publisher.keep(view, records))) return CONFLICT;
    for (const key of view.keys) if (!(await this.#moveOn(key, step))) return CONFLICT;
    if (route.kind === 'granted') compile(kubeKey(route.cluster.metadata));
    this.#declare(view, route, looks);
    return { kind: 'done', ...this.#again(view, step, looks) };
  }

  async #make({ domain, keys, now }: DomainView, algorithm: KeyKind): Promise<void> {
    const revision = nextRevision(algorithm, keys);
    const selector = selectorFor(
      domain.spec.dkim.selectorPrefix,
      now,
      algorithm,
      new Set(keys.map((it) => it.selector)),
    );
    const pem = await this.#making.run(() => generateKey(algorithm));
    const secret = keySecret(domain, { selector, algorithm, revision, madeAt: now, pem });
    // Whoever was first has made it: it is read from then on.
    const written = await this.#options.kube.create(SECRETS, secret);
    if (written.kind === 'refused')
      throw new Fault('key-refused', `Secret ${kubeKey(secret.metadata)} is refused: ${written.message}`);
  }

  /** False when somebody has written it since it was read. */
  async #moveOn(key: KeptKey, step: RotationStep): Promise<boolean> {
    const { kube } = this.#options;
    const { name, namespace = '', uid = '', resourceVersion = '' } = key.secret.metadata;
    if (step.remove.includes(key.selector))
      return (await kube.delete({ type: SECRETS, namespace, name }, { uid, resourceVersion })) !== 'conflict';
    const next = step.keys.find(({ selector }) => selector === key.selector);
    if (!next || next.since === key.since) return true;
    return (await kube.replace(SECRETS, inPhase(key, next))).kind === 'written';
  }

  #declare({ domain, keys, observed }: DomainView, route: Route, looks: Looks): void {
    const resource = kubeKey(domain.metadata);
    const published = keys.filter(isLookedFor).map((key) => ({ selector: key.selector, record: publicRecord(key) }));
    if (route.kind === 'refused') return looks.drop(resource);
    const needs = needsOf(domain, route.pool, published, this.#options.hostname);
    const claimedAt = Date.parse(observed.metadata.creationTimestamp ?? '');
    looks.declare({ resource, needs, isExcused: isExcused(domain, route.cluster, this.#options.targets), claimedAt });
  }

  #again({ keys, domain, now }: DomainView, { next }: RotationStep, looks: Looks): { again?: Duration } {
    const expected = keys.filter(({ phase }) => phase === 'Published').map(({ since }) => now - since);
    const isExpected = expected.length > 0;
    // What was not published for long is not looked for as often.
    const each = Math.min(SELDOM, Math.max(OFTEN, Math.min(...expected) / 10));
    const resource = kubeKey(domain.metadata);
    const checkedAt = looks.last(resource)?.checkedAt ?? now;
    if (isExpected && now - checkedAt >= each) void looks.ask(resource);
    if (isExpected) return { again: each };
    return next === undefined ? {} : { again: Math.min(next - now, LONGEST_WAIT) };
  }
}

/** A timer holds no more than 24 days. */
const LONGEST_WAIT: Duration = seconds(86_400);
