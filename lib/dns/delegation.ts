/**
 * Which servers have a name in their zone, as recursive resolvers see it.
 *
 * Promises: of each server only addresses that may be asked, so that a zone cannot send us to private networks; at most
 * `MOST_SERVERS`, however many it names.
 */
import { isPrivateAddress, matchesNetwork } from './private-address.ts';
import { type LookUp, temporary } from './lookup.ts';
import { resolverOn } from './resolver.ts';

export interface NameServer {
  readonly name: string;
  /** At least one. */
  readonly addresses: readonly string[];
}

export interface Zone {
  readonly kind: 'zone';
  readonly servers: readonly NameServer[];
}

/** As many as the root has. */
const MOST_SERVERS = 13;
const MOST_ADDRESSES = 2;
/** A name may have 127 labels; zones do not begin that deep. */
const DEEPEST_ZONE = 10;

/** The zone that has `name` itself. Names in `allowPrivate` networks (CIDR) may be asked although private. */
export async function zoneOf(name: string, lookUp: LookUp, allowPrivate: readonly string[]) {
  for (const candidate of upwards(name)) {
    const found = await lookUp({ name: candidate, type: 'NS' });
    // The servers of what a name is an alias of have nothing to say about the name. And after "nobody can say" one may go
    // on: servers above a zone refer to it and claim no authority.
    if (found.kind !== 'found' || found.records[0]?.name !== candidate) continue;
    const names = found.records.map((it) => it.data).slice(0, MOST_SERVERS);
    const servers = await Promise.all(names.map((it) => serverOf(it, lookUp, allowPrivate)));
    const usable = servers.filter((it) => it.addresses.length > 0);
    if (usable.length > 0) return { kind: 'zone', servers: usable } satisfies Zone;
    return temporary(
      `the name servers of ${candidate} have no address that may be asked: private ones have to be allowed`,
    );
  }
  return temporary(`nobody knows the name servers of ${name}`);
}

/** `a.b.test`, `b.test`, `test`. */
function upwards(name: string): string[] {
  const labels = name.split('.');
  return labels.map((_, at) => labels.slice(at).join('.')).slice(-DEEPEST_ZONE);
}

async function serverOf(name: string, lookUp: LookUp, allowPrivate: readonly string[]): Promise<NameServer> {
  const answer = await resolverOn(lookUp).addresses(name);
  const addresses = answer.kind === 'found' ? answer.addresses : [];
  const mayAsk = (it: string): boolean =>
    !isPrivateAddress(it) || allowPrivate.some((network) => matchesNetwork(it, network));
  return { name, addresses: addresses.filter(mayAsk).slice(0, MOST_ADDRESSES) };
}
