/**
 * The kept keys of a domain, of all Secrets that are there.
 */
import type { SendingDomain } from '#crds/kinds/sending-domain.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { SECRETS } from '../types.ts';
import type { World } from '../world.ts';
import { domainOf, keyIn, type KeptKey } from './key-secret.ts';

const known = new WeakMap<KubeObject, KeptKey | 'none'>();

export const keysOf = (world: World, { metadata, spec }: SendingDomain): KeptKey[] =>
  world
    .objects(SECRETS)
    .filter((it) => it.metadata.namespace === metadata.namespace && domainOf(it) === metadata.name)
    .flatMap((it) => read(it) ?? [])
    .filter(({ domain }) => domain === spec.domain);

function read(secret: KubeObject): KeptKey | undefined {
  const key = known.get(secret) ?? keyIn(secret) ?? 'none';
  known.set(secret, key);
  return key === 'none' ? undefined : key;
}
