/**
 * Where this system takes mail on port 25 itself, so that an MX that leads there is known as a loop.
 *
 * Pure. Without a listener on that port there is no such place: another server may well have our name and addresses.
 */
import type { Resources } from '#crds/source/resources.ts';
import type { OwnPlaces } from '../send/resolve.ts';

const SMTP_PORT = 25;

/** `hostname` is our own name where a source has none. */
export function ownPlaces(resources: Resources, hostname: string): OwnPlaces {
  const listeners = resources.clusters.flatMap((it) => it.spec.ingress.listeners);
  const open = listeners.filter((it) => it.port === SMTP_PORT).map((it) => it.address);
  const members = resources.pools.flatMap((it) => it.spec.members);
  const names = members.flatMap((it) => it.ehloName ?? []);
  // A listener without an address takes what comes to any: those of the pools are the ones we know.
  const addresses = open.includes(undefined) ? members.map((it) => it.address) : [];
  return {
    names: new Set(open.length > 0 ? [hostname, ...names] : []),
    addresses: new Set([...open.filter((it) => it !== undefined), ...addresses]),
  };
}
