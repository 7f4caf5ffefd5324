/**
 * The kept keys of a domain, of all Secrets that are there: found by an index, since there are thousands.
 */
import type { SendingDomain, SendingDomainSpec } from '#crds/kinds/sending-domain.ts';
import { kubeKey, type KubeObject } from '#lib/kube/kube.ts';
import { SECRETS } from '../types.ts';
import type { World } from '../world.ts';
import { keyIn, type KeptKey } from './key-secret.ts';

const known = new WeakMap<KubeObject, KeptKey | 'none'>();

export const keysOf = (world: World, { metadata, spec }: SendingDomain): KeptKey[] =>
  world
    .indexed(SECRETS, kubeKey(metadata))
    .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
    .flatMap((it) => keptKeyIn(it) ?? [])
    .filter(({ domain }) => domain === spec.domain)
    .map((it) => (isNamed(it, spec) ? brought(it) : it));

const brought = (key: KeptKey): KeptKey => ({ ...key, isBrought: true });

const isNamed = ({ revision, selector, algorithm }: KeptKey, { dkim }: SendingDomainSpec): boolean =>
  revision === 0 && dkim.existingKeys.some((it) => it.selector === selector && it.algorithm === algorithm);

/** The key in a Secret, read once for each state of it. */
export function keptKeyIn(secret: KubeObject): KeptKey | undefined {
  const key = known.get(secret) ?? keyIn(secret) ?? 'none';
  known.set(secret, key);
  return key === 'none' ? undefined : key;
}
