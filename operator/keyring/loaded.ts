/**
 * What pods have of the keyring, by their reports.
 */
import { type SendingCredential, usernameOf } from '#crds/kinds/sending-credential.ts';
import type { MTACluster } from '#crds/kinds/mta-cluster.ts';
import type { SendingDomain } from '#crds/kinds/sending-domain.ts';
import { credentialFile } from '#lib/keyring/folder.ts';
import { kubeKey } from '#lib/kube/kube.ts';
import type { CredentialLoaded } from '../credential/plan.ts';
import type { Route } from '../domain/pool.ts';
import type { Loaded } from '../domain/reconcile.ts';
import type { ClusterRoute } from '../grants.ts';
import { podsIn } from '../pods.ts';
import { SECRETS } from '../types.ts';
import { type Component, childName } from '../workload/child.ts';
import { credentialsPart, dkimPart, type KeyringPart, keyringPartsOf } from '../workload/mounts.ts';
import type { World } from '../world.ts';
import { type Compiled, compiledIn, credentialPartOf, partOf, signerFile } from './parts.ts';
import { countWhole, haveAll, type Reports, reportsOf } from './reports.ts';

/** Which of a domain's keys every worker has, and which some worker may still have. */
export function loadedBy(world: World, domain: SendingDomain, route: Route, selectors: readonly string[]): Loaded {
  if (route.kind === 'refused') return { loaded: new Set(), used: new Set(selectors) };
  const { namespace } = domain.metadata;
  const part = dkimPart(partOf(namespace, domain.spec.domain));
  const compiled = compiledOf(world, route.cluster, part);
  const isWhole = haveAll(reports(world, route.cluster, 'worker'), part.path, compiled.revision);
  const kept = selectors.filter((it) => compiled.files.has(signerFile(namespace, domain.spec.domain, it)));
  return isWhole ? { loaded: new Set(kept), used: new Set(kept) } : { loaded: new Set(), used: new Set(selectors) };
}

/** Whether all pods of ingress can let a credential in. */
export function credentialLoadedBy(world: World, credential: SendingCredential, route: ClusterRoute): CredentialLoaded {
  if (route.kind === 'refused') return 'not-everywhere';
  const username = usernameOf(credential);
  const part = credentialsPart(credentialPartOf(username));
  const compiled = compiledOf(world, route.cluster, part);
  const all = reports(world, route.cluster, 'ingress');
  if (all.length === 0) return 'nobody-runs';
  const isThere = compiled.files.has(credentialFile(username));
  return isThere && haveAll(all, part.path, compiled.revision) ? 'everywhere' : 'not-everywhere';
}

/** Of all pods of a cluster, those that have the keyring as it is compiled now. */
export interface KeyringCount {
  readonly whole: number;
  readonly pods: number;
}

export function keyringCountOf(world: World, cluster: MTACluster): KeyringCount {
  const counts = (['ingress', 'worker'] as const).map((component) => {
    const all = reports(world, cluster, component);
    const parts = keyringPartsOf(component);
    const revisions = new Map(parts.map((part) => [part.path, compiledOf(world, cluster, part).revision]));
    return { whole: countWhole(all, revisions), pods: all.length };
  });
  return counts.reduce((sum, it) => ({ whole: sum.whole + it.whole, pods: sum.pods + it.pods }));
}

function compiledOf(world: World, cluster: MTACluster, { name }: KeyringPart): Compiled {
  const place = { namespace: cluster.metadata.namespace, name: childName({ cluster }, name) };
  return compiledIn(world.object(SECRETS, kubeKey(place)));
}

const reports = (world: World, { metadata }: MTACluster, component: Component): Reports =>
  reportsOf(podsIn(world, metadata.namespace), metadata.name, component);
