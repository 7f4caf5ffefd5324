/**
 * What a client may ask for: source addresses of pools, ports, destinations that are public or named. Pure.
 *
 * The second wall: workers judge destinations too, but who has a worker's password has no more than this.
 */
import { isIPv4 } from 'node:net';
import { isPrivateAddress, matchesNetwork } from '#lib/dns/private-address.ts';
import type { Place } from '#lib/socks/wire.ts';
import type { Outcome } from './outcome.ts';

export interface Rules {
  /** Addresses that connections may leave from; asked each time, so that they can change. */
  readonly sources: () => ReadonlySet<string>;
  readonly ports: ReadonlySet<number>;
  /** Private networks that may be connected to, in CIDR form. */
  readonly allowPrivate: readonly string[];
}

export type Refusal = Extract<Outcome, 'source' | 'port' | 'private' | 'address-type'>;

/** Why nothing may leave from there; a port is the machine's to choose. */
export function refusalOfSource({ address, port }: Place, { sources }: Rules): Refusal | undefined {
  return port === 0 && sources().has(address) ? undefined : 'source';
}

/** Why nothing from `source` may go there. */
export function refusalOfDestination(
  { address, port }: Place,
  source: string,
  { ports, allowPrivate }: Rules,
): Refusal | undefined {
  if (isMapped(address) || isIPv4(address) !== isIPv4(source)) return 'address-type';
  if (!ports.has(port)) return 'port';
  if (!isPrivateAddress(address)) return undefined;
  return allowPrivate.some((network) => matchesNetwork(address, network)) ? undefined : 'private';
}

/** IPv4 in IPv6 form would leave by IPv4, from another address than was asked for. */
const isMapped = (address: string): boolean => address.startsWith('::ffff:');
