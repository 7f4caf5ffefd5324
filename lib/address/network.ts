/**
 * What of an address tells one stranger from another: all of IPv4, the first 64 bits of IPv6.
 *
 * Whoever has an IPv6 connection has at least 64 bits of addresses to himself (RFC 6177), so one of 128 counts nobody.
 * Pure. What is no address stands for itself.
 */
import { isIPv6 } from 'node:net';

/** `192.0.2.7`, or `2001:db8:1:2::/64`. Without a zone. */
export function networkOf(address: string): string {
  const [plain = ''] = address.split('%');
  if (!isIPv6(plain)) return address;
  const [head = '', tail] = plain.split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const after = tail === '' ? 0 : tail.split(':').length + (tail.includes('.') ? 1 : 0);
    while (groups.length + after < 8) groups.push('0');
  }
  const first = groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  // An address with fewer than four groups before `::` has the rest of them after it.
  const missing = tail === undefined ? [] : tail.split(':').slice(0, Math.max(0, 4 - first.length));
  return `${[...first, ...missing].join(':')}::/64`;
}
