/**
 * Takes the keys that a domain names (`existingKeys`) out of the Secrets they come in, which are of its own namespace and no other.
 */
import type { SendingDomain } from '#crds/kinds/sending-domain.ts';
import type { Kube, KubeObject } from '#lib/kube/kube.ts';
import type { Instant } from '#lib/run/clock.ts';
import { SECRETS } from '../types.ts';
import { planExisting } from './existing.ts';
import type { KeptKey } from './key-secret.ts';

/** Resolves with what cannot be used, a sentence each. What it writes and removes is heard of like any other change. */
export async function bringKeys(
  kube: Kube,
  domain: SendingDomain,
  keys: readonly KeptKey[],
  now: Instant,
): Promise<readonly string[]> {
  const plan = planExisting({ domain, keys, secrets: await readNamed(kube, domain), now });
  // A copy that somebody has written since is judged anew when that is heard.
  for (const { secret } of plan.remove) await remove(kube, secret);
  const refused: string[] = [];
  for (const secret of plan.make) {
    const written = await kube.create(SECRETS, secret);
    if (written.kind === 'refused') refused.push(`Secret ${secret.metadata.name} is refused: ${written.message}`);
  }
  return [...plan.problems, ...refused];
}

async function readNamed(kube: Kube, { metadata, spec }: SendingDomain): Promise<ReadonlyMap<string, KubeObject>> {
  const { namespace } = metadata;
  const found = new Map<string, KubeObject>();
  for (const name of new Set(spec.dkim.existingKeys.map(({ secretRef }) => secretRef.name))) {
    const secret = await kube.get({ type: SECRETS, namespace, name });
    if (secret) found.set(name, secret);
  }
  return found;
}

function remove(kube: Kube, { metadata }: KubeObject): Promise<unknown> {
  const { name, namespace = '', uid = '', resourceVersion = '' } = metadata;
  return kube.delete({ type: SECRETS, namespace, name }, { uid, resourceVersion });
}
