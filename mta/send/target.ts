/**
 * One place to connect to: a host, one of its addresses, a port; and whether we may.
 *
 * Pure. Whose turn it is, is decided in `resolve.ts`; the check is made there and again on the address used (`connect.ts`).
 */
import { isPrivateAddress, matchesNetwork } from '#lib/dns/private-address.ts';

export interface Target {
  /** Name of the MX or route, in lower case; the address itself where there is no name. */
  readonly host: string;
  /** An IP address, never a name. */
  readonly address: string;
  readonly port: number;
  /** A static route names it. What an operator wrote down may be private; what DNS says may not. */
  readonly named?: true;
}

/** Whether `target` is public, named by a route, or in one of the networks (CIDR) that are allowed although private. */
export function mayConnect(target: Target, allowPrivate: readonly string[]): boolean {
  if (target.named || !isPrivateAddress(target.address)) return true;
  return allowPrivate.some((cidr) => matchesNetwork(target.address, cidr));
}

/** A host whatever its address: what its addresses have in common is known by this. */
export const hostAndPort = ({ host, port }: Target): string => `${host}:${port}`;

/** For people and events: `mx1.example.net [192.0.2.1]:25`. */
export function targetText(target: Target): string {
  const place = `[${target.address}]:${target.port}`;
  return target.host === target.address ? place : `${target.host} ${place}`;
}
