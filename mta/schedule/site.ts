/**
 * The name of a site: one for all domains whose mail goes to the same hosts, so that they share connections and limits.
 *
 * Made of the sorted host names, readable where that is short: `mx.example.net`, `mx1.example.net+2 7kq3v2ph`. The same
 * hosts give the same name whatever their preferences: those say where to go first, not whose machines they are.
 */
import { createHash } from 'node:crypto';
import type { Place } from './destination.ts';

/** Bytes of the digest: among a million sites two meet with a chance of one in 50 million. */
const DIGEST = 8;

/** A domain of which no host is known is a site of its own. */
export function siteName({ domain, hosts }: Place): string {
  const [first, ...others] = hosts;
  if (first === undefined) return `unknown hosts of ${domain}`;
  if (others.length === 0) return first;
  const digest = createHash('sha256')
    .update(hosts.join(' '))
    .digest('hex')
    .slice(0, DIGEST * 2);
  return `${first}+${others.length} ${digest}`;
}
