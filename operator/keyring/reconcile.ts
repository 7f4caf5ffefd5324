/**
 * Compiles the keyring of a cluster, as a whole, from the keys of all domains that send by it.
 *
 * Who signs follows from the keys' phases and from nothing that this process remembers: two who compile come to the same.
 */
import { typeOfKind } from '#crds/definition.ts';
import type { SendingDomain } from '#crds/kinds/sending-domain.ts';
import { LEASES } from '#lib/keyring/report.ts';
import { type Kube, kubeKey, type KubeObject } from '#lib/kube/kube.ts';
import { Fault } from '#lib/run/fault.ts';
import type { Reconciler } from '../controller/controller.ts';
import type { Worked } from '../controller/work-queue.ts';
import { Keeper } from '../controller/write.ts';
import type { Loaded } from '../domain/reconcile.ts';
import { type Route, routeOf, type Targets } from '../domain/pool.ts';
import { PODS, SECRETS } from '../types.ts';
import { resourceIn } from '../typed.ts';
import { ownerOf, type World } from '../world.ts';
import { childName } from '../workload/child.ts';
import { dkimPart, dkimPath } from '../workload/mounts.ts';
import { compiledIn, keyringSecrets, type KeyringKey, partOf, signerFile } from './parts.ts';
import { haveAll, reportsOf } from './reports.ts';

export interface KeyringOptions {
  readonly kube: Kube;
  readonly world: World;
  readonly targets: Targets;
  /** Which of a domain's keys sign now, and which sign no more. */
  readonly keysOf: (domain: SendingDomain) => readonly KeyringKey[];
}

const CONFLICT: Worked = { kind: 'conflict' };

export class KeyringReconciler implements Reconciler {
  readonly name = 'keyring';
  readonly #options: KeyringOptions;
  readonly #keeper: Keeper;

  constructor(options: KeyringOptions) {
    this.#options = options;
    this.#keeper = new Keeper(options.kube);
  }

  /** `key` is that of the cluster. */
  async reconcile(key: string): Promise<Worked> {
    const { world, targets } = this.#options;
    const cluster = targets.cluster(key);
    const uid = world.object(typeOfKind('MTACluster'), key)?.metadata.uid;
    if (!cluster || uid === undefined) return { kind: 'done' };
    // Read at one moment: whoever compiled from an older reading than somebody else wrote from has to look again.
    const secrets = keyringSecrets({ cluster, uid, image: '', relayPorts: [] }, this.#keys(key)).map((secret) => ({
      secret,
      observed: world.object(SECRETS, kubeKey(secret.metadata)),
    }));
    for (const { secret, observed } of secrets) {
      if (observed && ownerOf(observed)?.uid !== uid) throw nameTaken(observed, key);
      if (!observed && (await this.#isThere(secret, uid, key))) return CONFLICT;
      const written = await this.#keeper.keep({ type: SECRETS, object: secret }, observed, true);
      if (written.kind === 'conflict') return CONFLICT;
      if (written.kind === 'refused')
        throw new Fault('keyring-refused', `Secret ${kubeKey(secret.metadata)} is refused: ${written.message}`);
    }
    return { kind: 'done' };
  }

  /** Whether there is one of ours of which nothing was heard yet. Rejects when it is somebody else's. */
  async #isThere({ metadata }: KubeObject, uid: string, key: string): Promise<boolean> {
    const { name, namespace = '' } = metadata;
    const found = await this.#options.kube.get({ type: SECRETS, namespace, name });
    if (found && ownerOf(found)?.uid !== uid) throw nameTaken(found, key);
    return found !== undefined;
  }

  #keys(clusterKey: string): KeyringKey[] {
    const { world, targets, keysOf } = this.#options;
    return world.objects(typeOfKind('SendingDomain')).flatMap((object) => {
      const domain = resourceIn(object, 'SendingDomain');
      if (!domain) return [];
      const route = routeOf(domain, targets);
      const isOurs = route.kind === 'granted' && kubeKey(route.cluster.metadata) === clusterKey;
      return isOurs ? keysOf(domain) : [];
    });
  }
}

const nameTaken = ({ metadata }: KubeObject, key: string): Fault =>
  new Fault(
    'name-taken',
    `Secret ${kubeKey(metadata)} is not of MTACluster ${key}: remove it, or rename the MTACluster.`,
  );

/** Which of a domain's keys every worker has, and which some worker may still have. */
export function loadedBy(world: World, domain: SendingDomain, route: Route, selectors: readonly string[]): Loaded {
  if (route.kind === 'refused') return { loaded: new Set(), used: new Set(selectors) };
  const { metadata } = route.cluster;
  const part = partOf(domain.metadata.namespace, domain.spec.domain);
  const name = childName(route, dkimPart(part));
  const compiled = compiledIn(world.object(SECRETS, kubeKey({ namespace: metadata.namespace, name })));
  const inNamespace = (type: typeof PODS) =>
    world.objects(type).filter((it) => it.metadata.namespace === metadata.namespace);
  const reports = reportsOf(inNamespace(PODS), inNamespace(LEASES), metadata.name);
  const isWhole = haveAll(reports, dkimPath(part), compiled.revision);
  const kept = selectors.filter((it) =>
    compiled.files.has(signerFile(domain.metadata.namespace, domain.spec.domain, it)),
  );
  return isWhole ? { loaded: new Set(kept), used: new Set(kept) } : { loaded: new Set(), used: new Set(selectors) };
}
