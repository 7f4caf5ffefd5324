/**
 * Compiles the keyring of a cluster, as a whole: keys of all domains that send by it, and what proves its credentials.
 *
 * Who signs follows from the keys' phases and from nothing that this process remembers: two who compile come to the same.
 */
import { typeOfKind } from '#crds/definition.ts';
import type { MTACluster } from '#crds/kinds/mta-cluster.ts';
import { usernameOf } from '#crds/kinds/sending-credential.ts';
import type { SendingDomain } from '#crds/kinds/sending-domain.ts';
import { ADMIN_TOKEN } from '#lib/keyring/admin-token.ts';
import type { CredentialRecord } from '#lib/keyring/keyring.ts';
import { RETURN_PATH_KEY_BYTES } from '#lib/keyring/return-path-key.ts';
import { type Kube, kubeKey, type KubeObject } from '#lib/kube/kube.ts';
import { type Clock, type Duration, milliseconds, seconds } from '#lib/run/clock.ts';
import { Fault } from '#lib/run/fault.ts';
import { othersTurn } from '#lib/run/turn.ts';
import type { Random } from '#lib/run/random.ts';
import type { Reconciler } from '../controller/controller.ts';
import type { Worked } from '../controller/work-queue.ts';
import { Keeper } from '../controller/write.ts';
import { namesOf, recordIn } from '../credential/secret.ts';
import { sinkFile, sinkKeysIn, sinkName } from '../declared/sink-secret.ts';
import { routeOf } from '../domain/pool.ts';
import { clusterRouteOf, type Targets } from '../grants.ts';
import { SECRETS } from '../types.ts';
import { type OfKind, resourceIn } from '../typed.ts';
import { ownerOf, type World } from '../world.ts';
import { type Blueprint, childName } from '../workload/child.ts';
import { RETURN_PATH_PART } from '../workload/mounts.ts';
import { adminTokenSecret } from './admin-token.ts';
import { type Draft, filesIn, type KeyringContents, keyringDrafts, type KeyringKey } from './parts.ts';
import { returnPathFiles } from './return-path.ts';

export interface KeyringOptions {
  readonly kube: Kube;
  readonly world: World;
  readonly targets: Targets;
  readonly clock: Clock;
  readonly random: Random;
  /** Which of a domain's keys sign now, and which sign no more. */
  readonly keysOf: (domain: SendingDomain) => readonly KeyringKey[];
}

const CONFLICT: Worked = { kind: 'conflict' };
/** Changes of many keys become one write. */
const SHORTEST: Duration = milliseconds(500);
const REST = 15;
/** A machine that stood still for a moment delays no key. */
const LONGEST: Duration = seconds(5);

/** A Secret as it is to be, and as it was when that was read which follows from it. */
interface Compiling extends Draft {
  readonly observed: KubeObject | undefined;
}

export class KeyringReconciler implements Reconciler {
  readonly name = 'keyring';
  readonly #options: KeyringOptions;
  readonly #keeper: Keeper;
  /** How long the last one was compiled. */
  #lasted: Duration = 0;

  constructor(options: KeyringOptions) {
    this.#options = options;
    this.#keeper = new Keeper(options.kube);
  }

  /** How long changes are gathered before they are compiled: compiling thousands of keys leaves most of the time to others. */
  get gathers(): Duration {
    return Math.min(LONGEST, Math.max(SHORTEST, REST * this.#lasted));
  }

  /** `key` is that of the cluster. */
  async reconcile(key: string): Promise<Worked> {
    const { world, targets } = this.#options;
    const cluster = targets.cluster(key);
    const uid = world.object(typeOfKind('MTACluster'), key)?.metadata.uid;
    if (!cluster || uid === undefined) return { kind: 'done' };
    const blueprint = { cluster, uid, image: '', relayPorts: [], proxyLogins: [], podsRole: '' };
    this.#lasted = 0;
    const drafts = this.#measured(() => this.#draftsOf(key, blueprint));
    return this.#keepAll(key, uid, drafts);
  }

  /** All is read at one moment: whoever compiled from an older reading than somebody else wrote from has to look again. */
  #draftsOf(key: string, blueprint: Blueprint): Compiling[] {
    const { world, random } = this.#options;
    const { cluster } = blueprint;
    const observedIn = (name: string) => world.object(SECRETS, kubeKey({ ...cluster.metadata, name }));
    const token = childName({ cluster }, ADMIN_TOKEN.secret);
    const bytes = (length: number): Buffer => random.bytes(length);
    const before = observedIn(token);
    return [
      ...keyringDrafts(blueprint, this.#contents(key, cluster)).map(({ name, make }) => ({
        name,
        make,
        observed: observedIn(name),
      })),
      { name: token, observed: before, make: () => adminTokenSecret(blueprint, before, bytes) },
    ];
  }

  /** One after the other: the texts of all at once are many megabytes. One that cannot be written holds up no other. */
  async #keepAll(key: string, uid: string, drafts: readonly Compiling[]): Promise<Worked> {
    const failures: unknown[] = [];
    let isConflict = false;
    for (const it of drafts) {
      await othersTurn();
      try {
        isConflict = (await this.#keep(key, uid, it)) === 'conflict' || isConflict;
      } catch (thrown) {
        failures.push(thrown);
      }
    }
    if (failures.length > 0) throw failures[0];
    return isConflict ? CONFLICT : { kind: 'done' };
  }

  async #keep(key: string, uid: string, { make, observed }: Compiling): Promise<'kept' | 'conflict'> {
    const secret = this.#measured(make);
    if (observed && ownerOf(observed)?.uid !== uid) throw nameTaken(observed, key);
    if (!observed && (await this.#isThere(secret, uid, key))) return 'conflict';
    const written = await this.#keeper.keep({ type: SECRETS, object: secret }, observed, true);
    if (written.kind !== 'refused') return written.kind === 'conflict' ? 'conflict' : 'kept';
    throw new Fault('keyring-refused', `Secret ${kubeKey(secret.metadata)} is refused: ${written.message}`);
  }

  #measured<T>(compute: () => T): T {
    const { clock } = this.#options;
    const began = clock.monotonic();
    const value = compute();
    this.#lasted += clock.monotonic() - began;
    return value;
  }

  /** Whether there is one of ours of which nothing was heard yet. Rejects when it is somebody else's. */
  async #isThere({ metadata }: KubeObject, uid: string, key: string): Promise<boolean> {
    const { name, namespace = '' } = metadata;
    const found = await this.#options.kube.get({ type: SECRETS, namespace, name });
    if (found && ownerOf(found)?.uid !== uid) throw nameTaken(found, key);
    return found !== undefined;
  }

  #contents(key: string, cluster: MTACluster): KeyringContents {
    const { world, clock, random, keysOf } = this.#options;
    const domains = this.#domains(key);
    const place = { namespace: cluster.metadata.namespace, name: childName({ cluster }, RETURN_PATH_PART.name) };
    const files = filesIn(world.object(SECRETS, kubeKey(place)));
    const bytes = (): Buffer => random.bytes(RETURN_PATH_KEY_BYTES);
    return {
      keys: domains.flatMap((it) => keysOf(it)),
      credentials: this.#credentials(key),
      sinks: this.#sinks(key),
      returnPath: returnPathFiles({ domains, files, now: clock.now(), bytes }),
    };
  }

  /** Those that send by the cluster. */
  #domains(clusterKey: string): SendingDomain[] {
    const { world, targets } = this.#options;
    return world.objects(typeOfKind('SendingDomain')).flatMap((object) => {
      const domain = resourceIn(object, 'SendingDomain');
      if (!domain) return [];
      const route = routeOf(domain, targets);
      return route.kind === 'granted' && kubeKey(route.cluster.metadata) === clusterKey ? [domain] : [];
    });
  }

  #credentials(clusterKey: string): CredentialRecord[] {
    return this.#withSecrets('SendingCredential', clusterKey, (it) => namesOf(it).own).flatMap(
      ({ resource, secret }) => recordIn(secret, usernameOf(resource)) ?? [],
    );
  }

  #sinks(clusterKey: string): ReadonlyMap<string, string> {
    const found = this.#withSecrets('EventSink', clusterKey, sinkName).flatMap(({ resource, secret }) => {
      const keys = sinkKeysIn(secret);
      return keys ? [sinkFile(resource, keys)] : [];
    });
    return new Map(found);
  }

  /** Resources of the cluster, each with the Secret that it has under this name. */
  #withSecrets<K extends 'SendingCredential' | 'EventSink'>(
    kind: K,
    clusterKey: string,
    nameOf: (resource: OfKind<K>) => string,
  ): { readonly resource: OfKind<K>; readonly secret: KubeObject }[] {
    const { world, targets } = this.#options;
    return world.objects(typeOfKind(kind)).flatMap((object) => {
      const resource = resourceIn(object, kind);
      if (!resource) return [];
      const route = clusterRouteOf(resource, targets);
      if (route.kind === 'refused' || kubeKey(route.cluster.metadata) !== clusterKey) return [];
      const { namespace = '' } = object.metadata;
      const secret = world.object(SECRETS, kubeKey({ namespace, name: nameOf(resource) }));
      // Another Secret of that name is nobody's here.
      return secret && ownerOf(secret)?.uid === object.metadata.uid ? [{ resource, secret }] : [];
    });
  }
}

const nameTaken = ({ metadata }: KubeObject, key: string): Fault =>
  new Fault(
    'name-taken',
    `Secret ${kubeKey(metadata)} is not of MTACluster ${key}: remove it, or rename the MTACluster.`,
  );
