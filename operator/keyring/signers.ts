/**
 * Which keys of a domain sign, and which sign no more, by their phases; one that is new does not sign while DNS is known not to
 * have it.
 */
import type { SendingDomain } from '#crds/kinds/sending-domain.ts';
import { rotate } from '#lib/dkim/rotation.ts';
import type { DomainStatus } from '#lib/domain/status.ts';
import type { Instant } from '#lib/run/clock.ts';
import { pemIn } from '../domain/key-secret.ts';
import { keysOf } from '../domain/keys.ts';
import { sightingsOf } from '../domain/plan.ts';
import type { World } from '../world.ts';
import type { KeyringKey } from './parts.ts';

export function keyringKeysIn(
  world: World,
  now: Instant,
  domain: SendingDomain,
  lookAt: () => DomainStatus | undefined,
): KeyringKey[] {
  const keys = keysOf(world, domain);
  // Of all keys there are, few are about to sign.
  const look = keys.some(({ phase }) => phase === 'Verified') ? lookAt() : undefined;
  const { algorithms } = domain.spec.dkim;
  const nothing: ReadonlySet<string> = new Set();
  const known = { offered: nothing, loaded: nothing, used: nothing, rotateAfter: 0, retireAfter: 0 };
  const sightings = sightingsOf(keys, look);
  const { signers } = rotate({ now, keys, algorithms, sightings, ...known });
  const { namespace } = domain.metadata;
  return keys.flatMap((key) => {
    const { selector, phase, revision } = key;
    const place = { namespace, domain: domain.spec.domain, selector };
    if (signers.includes(selector)) return [{ ...place, pem: () => pemIn(key.secret) }];
    // Workers refuse for good what they hear of here. A key that somebody brought may be named again.
    return revision > 0 && (phase === 'Retiring' || phase === 'Retired') ? [place] : [];
  });
}
