/**
 * Carries out what an `MTACluster` says: observe, plan, apply, status.
 */
import { typeOfKind } from '#crds/definition.ts';
import type { MTACluster } from '#crds/kinds/mta-cluster.ts';
import type { SecretRef } from '#crds/parts.ts';
import { kubeKey, type Kube, type KubeObject, type KubePlace } from '#lib/kube/kube.ts';
import type { Clock } from '#lib/run/clock.ts';
import { codeOf } from '#lib/run/fault.ts';
import type { Reconciler } from '../controller/controller.ts';
import { keepStatus } from '../controller/status.ts';
import { wishesOf } from '../controller/wishes.ts';
import type { Worked } from '../controller/work-queue.ts';
import { Keeper } from '../controller/write.ts';
import { keyringCountOf } from '../keyring/loaded.ts';
import { resourceIn } from '../typed.ts';
import { CHILDREN, SECRETS } from '../types.ts';
import { ownerOf, type World } from '../world.ts';
import type { Child } from '../workload/child.ts';
import { readsFor, WIDE_ROLES } from '../workload/readers.ts';
import { elsewhereFor } from './elsewhere.ts';
import { type ClusterView, planCluster } from './plan.ts';
import { podsIn } from '../pods.ts';
import { queueTold } from './queue.ts';
import { proxyLogins, relayPorts } from './relays.ts';
import { secretNames, secretProblem } from './secrets.ts';

export interface ClusterOptions extends Pick<ClusterView, 'image' | 'podsRole' | 'watchNamespaces'> {
  readonly kube: Kube;
  readonly world: World;
  readonly clock: Clock;
}

const CONFLICT: Worked = { kind: 'conflict' };

export class ClusterReconciler implements Reconciler {
  readonly name = 'mtacluster';
  readonly #options: ClusterOptions;
  readonly #keeper: Keeper;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#keeper = new Keeper(options.kube);
  }

  async reconcile(key: string): Promise<Worked> {
    const { kube, world, clock, image, podsRole, watchNamespaces } = this.#options;
    const observed = world.object(typeOfKind('MTACluster'), key);
    const elsewhere = elsewhereFor(world, key);
    // What belonged to one that is gone goes by itself, where it could belong to it.
    if (!observed) return this.#removeAll(elsewhere);
    if (observed.metadata.deletionTimestamp !== undefined) return { kind: 'done' };
    if (wishesOf(observed.metadata.annotations).isPaused) return { kind: 'done' };
    const owned = [...world.owned(CHILDREN, observed.metadata.uid ?? ''), ...elsewhere];
    const [policies, pools] = [world.objects(typeOfKind('DestinationPolicy')), world.objects(typeOfKind('IPPool'))];
    const relays = { relayPorts: relayPorts(policies, pools, key), proxyLogins: proxyLogins(pools, key) };
    const cluster = resourceIn(observed, 'MTACluster');
    const keyring = cluster ? keyringCountOf(world, cluster) : { whole: 0, pods: 0 };
    const { name, namespace } = observed.metadata;
    const queue = queueTold(podsIn(world, namespace ?? ''), name, cluster?.spec.shards ?? 0);
    const podsRoleUid = await this.#podsRoleUid();
    const said = { keyring, queue, image, podsRole, podsRoleUid, watchNamespaces, now: clock.now(), ...relays };
    const secrets = cluster && (await this.#secretsOf(cluster, relays.proxyLogins));
    const plan = planCluster({ observed, owned, ...said, secrets });
    const refused: string[] = [];
    for (const child of plan.wanted) {
      const trouble = await this.#keep(child, observedOf(child, owned), observed.metadata.uid);
      if (trouble === 'conflict') return CONFLICT;
      if (trouble !== undefined) refused.push(trouble);
    }
    if ((await this.#removeAll(plan.obsolete)) === CONFLICT) return CONFLICT;
    const written = await keepStatus(kube, typeOfKind('MTACluster'), observed, plan.status(refused));
    return written.kind === 'conflict' ? CONFLICT : { kind: 'done' };
  }

  /** Undefined where whoever installed the operator does not let it be read. */
  async #podsRoleUid(): Promise<string | undefined> {
    const { kube, podsRole, watchNamespaces } = this.#options;
    if (watchNamespaces) return undefined;
    try {
      return (await kube.get({ type: WIDE_ROLES, name: podsRole }))?.metadata.uid;
    } catch (thrown) {
      if (codeOf(thrown) === 'kube-denied') return undefined;
      throw thrown;
    }
  }

  /** What is wrong with those that are named, if anything is. They are somebody's own: read when they are looked at. */
  async #secretsOf(cluster: MTACluster, logins: readonly SecretRef[]): Promise<ClusterView['secrets']> {
    const { namespace } = cluster.metadata;
    const found = new Map<string, KubeObject>();
    for (const name of secretNames(cluster, logins)) {
      const secret = await this.#options.kube.get({ type: SECRETS, namespace, name });
      if (secret) found.set(name, secret);
    }
    return secretProblem(cluster, logins, found);
  }

  /** A word about what the server, or somebody else's object of that name, does not let be. */
  async #keep(child: Child, observed: KubeObject | undefined, uid: string | undefined): Promise<string | undefined> {
    const there = observed ?? (await this.#options.kube.get(placeOf(child)));
    if (there && !isOfCluster(there, child, uid))
      return `${nameOf(child)} is there already, and is not of this MTACluster`;
    const written = await this.#keeper.keep(child, there);
    if (written.kind === 'missing' && readsFor(child.object) !== undefined)
      return `${nameOf(child)} cannot be made: ${written.message}`;
    if (written.kind === 'conflict' || written.kind === 'missing') return 'conflict';
    return written.kind === 'refused' ? `${nameOf(child)} is refused: ${written.message}` : undefined;
  }

  async #removeAll(children: readonly Child[]): Promise<Worked> {
    for (const child of children) if ((await this.#remove(child)) === 'conflict') return CONFLICT;
    return { kind: 'done' };
  }

  #remove({ type, object }: Child): Promise<'deleted' | 'missing' | 'conflict'> {
    const { uid, resourceVersion } = object.metadata;
    const seen = { ...(uid !== undefined && { uid }), ...(resourceVersion !== undefined && { resourceVersion }) };
    return this.#options.kube.delete(placeOf({ type, object }), seen);
  }
}

/** What lies elsewhere cannot belong to a cluster, and says whose it is. */
function isOfCluster(there: KubeObject, { object }: Child, uid: string | undefined): boolean {
  const reader = readsFor(object);
  return reader === undefined ? ownerOf(there)?.uid === uid : readsFor(there) === reader;
}

const observedOf = ({ type, object }: Child, owned: readonly Child[]): KubeObject | undefined =>
  owned.find((it) => it.type.kind === type.kind && kubeKey(it.object.metadata) === kubeKey(object.metadata))?.object;

function placeOf({ type, object }: Child): KubePlace {
  const { name, namespace } = object.metadata;
  return { type, name, ...(namespace !== undefined && { namespace }) };
}

const nameOf = ({ type, object }: Child): string => `${type.kind} ${object.metadata.name}`;
