/**
 * What a change of an object may be about: which resources are to be looked at. Pure, but for reading what is there.
 */
import { typeOfKind } from '#crds/definition.ts';
import { kubeKey, type KubeObject, type KubeType } from '#lib/kube/kube.ts';
import type { KubeChange } from '#lib/kube/reflector.ts';
import { clusterKey } from './cluster/relays.ts';
import { domainOf, keyIn } from './domain/key-secret.ts';
import { SECRETS } from './types.ts';
import { ownerKey, type World } from './world.ts';

export interface Due {
  readonly clusters: readonly string[];
  readonly domains: readonly string[];
  /** Clusters whose keyring may be another. */
  readonly keyrings: readonly string[];
}

const NOTHING: Due = { clusters: [], domains: [], keyrings: [] };

export function dueBy({ kind }: KubeType, change: KubeChange, world: World): Due {
  const { object } = change;
  const objects = change.kind === 'changed' ? [change.before, object] : [object];
  switch (kind) {
    case 'MTACluster': {
      const clusters = [change.key];
      return isAsDeclared(change)
        ? { ...NOTHING, clusters }
        : { clusters, domains: allOf(world, 'SendingDomain'), keyrings: clusters };
    }
    case 'IPPool':
      return isAsDeclared(change)
        ? NOTHING
        : {
            clusters: objects.map(clusterKey),
            domains: allOf(world, 'SendingDomain'),
            keyrings: allOf(world, 'MTACluster'),
          };
    case 'DestinationPolicy':
      return { ...NOTHING, clusters: objects.map(clusterKey) };
    case 'SendingDomain':
      return { ...NOTHING, domains: [change.key], keyrings: isAsDeclared(change) ? [] : allOf(world, 'MTACluster') };
    case 'Secret':
      return { ...NOTHING, ...ofSecret(object, world) };
    case 'Pod':
    case 'Lease':
      return { ...NOTHING, domains: inTransit(world) };
    default:
      return { ...NOTHING, clusters: objects.flatMap((it) => ownerKey(it, 'MTACluster') ?? []) };
  }
}

/** Only its status, or what others keep with it, has changed. */
const isAsDeclared = (change: KubeChange): boolean =>
  change.kind === 'changed' && change.before.metadata.generation === change.object.metadata.generation;

const allOf = (world: World, kind: 'SendingDomain' | 'MTACluster'): string[] =>
  world.objects(typeOfKind(kind)).map(({ metadata }) => kubeKey(metadata));

function ofSecret(object: KubeObject, world: World): Partial<Due> {
  const name = domainOf(object);
  const { namespace = '' } = object.metadata;
  if (name !== undefined) return { domains: [kubeKey({ namespace, name })] };
  const keyring = ownerKey(object, 'MTACluster');
  return keyring === undefined ? {} : { keyrings: [keyring], domains: inTransit(world) };
}

/** Domains that wait for workers: a key of theirs is to sign, or to sign no more. */
function inTransit(world: World): string[] {
  const keys = world.objects(SECRETS).flatMap((secret) => {
    const name = domainOf(secret);
    const key = name === undefined ? undefined : keyIn(secret);
    const { namespace = '' } = secret.metadata;
    return name !== undefined && key ? [{ owner: kubeKey({ namespace, name }), phase: key.phase }] : [];
  });
  const active = Map.groupBy(
    keys.filter(({ phase }) => phase === 'Active'),
    ({ owner }) => owner,
  );
  const waiting = keys.filter(({ phase, owner }) => phase === 'Verified' || (active.get(owner)?.length ?? 0) > 2);
  return [...new Set(waiting.map(({ owner }) => owner))];
}
