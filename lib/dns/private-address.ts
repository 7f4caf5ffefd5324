/**
 * Which IP addresses a stranger's DNS may send us to: only those the IANA registries call globally reachable unicast.
 *
 * Promises: pure; text that is not an address, zoned addresses and old octal forms count as private; an IPv4 address
 * inside an IPv6 one (mapped, NAT64, 6to4) is judged as itself. Prefixes a network chose for its own NAT64, pods or
 * services cannot be known here: a network policy is the second wall. Exceptions are the caller's, by `matchesNetwork`.
 */
import { BlockList, isIP } from 'node:net';

/** IANA IPv4 special-purpose registry, everything not globally reachable, and the reserved classes D and E. */
const PRIVATE_IPV4 = [
  '0.0.0.0/8', // this network, unspecified
  '10.0.0.0/8',
  '100.64.0.0/10', // carrier-grade NAT
  '127.0.0.0/8',
  '169.254.0.0/16', // link-local, where clouds keep their metadata
  '172.16.0.0/12',
  '192.0.0.0/24', // protocol assignments
  '192.0.2.0/24', // documentation
  '192.88.99.0/24', // former 6to4 relays
  '192.168.0.0/16',
  '198.18.0.0/15', // benchmarks
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, broadcast
];

/** What is not global although it lies in `GLOBAL_IPV6`. */
const PRIVATE_IPV6 = [
  '2001::/23', // protocol assignments, Teredo, ORCHID
  '2001:db8::/32', // documentation
  '3fff::/20', // documentation
];

/** Global unicast, IPv4-mapped and the well-known NAT64 prefix; all else (`::1`, ULA, link-local, multicast) is not. */
const GLOBAL_IPV6 = ['2000::/3', '::ffff:0:0/96', '64:ff9b::/96'];

const privateIPv4 = networks(PRIVATE_IPV4);
const privateIPv6 = networks([...PRIVATE_IPV6, ...PRIVATE_IPV4.flatMap(embedded)]);
const globalIPv6 = networks(GLOBAL_IPV6);

/** True unless `address` is a globally reachable unicast address. */
export function isPrivateAddress(address: string): boolean {
  const family = familyOf(address);
  if (family === 4) return privateIPv4.check(address, 'ipv4');
  if (family === 6) return !globalIPv6.check(address, 'ipv6') || privateIPv6.check(address, 'ipv6');
  return true;
}

/** Whether `address` lies in `cidr` (`10.0.0.0/8`, `fd00::/8`, or one address). False when either is malformed. */
export function matchesNetwork(address: string, cidr: string): boolean {
  const family = familyOf(address);
  const network = networkOf(cidr);
  // A list of IPv6 networks would match IPv4 addresses too, as mapped ones: `::/0` means no IPv4 peer.
  if (family === 0 || !network || (family === 4 && network.family === 'ipv6')) return false;
  return network.list.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

/** Whether it is a network of private addresses, as far as its own first address tells: `10.1.0.0/16`. */
export function isPrivateNetwork(cidr: string): boolean {
  const [address = ''] = cidr.split('/');
  return matchesNetwork(address, cidr) && isPrivateAddress(address);
}

/** 4, 6, or 0. A zone (`%eth0`) makes no address for us: it only means something on this machine. */
function familyOf(address: string): number {
  return address.includes('%') ? 0 : isIP(address);
}

interface Network {
  readonly address: string;
  readonly prefix: number;
  readonly family: 'ipv4' | 'ipv6';
}

interface Listed extends Network {
  readonly list: BlockList;
}

/** Those that were asked about last, malformed ones too: the few that are declared are asked about for each connection. */
const known = new Map<string, Listed | undefined>();
const MOST_KNOWN = 1000;

function networkOf(cidr: string): Listed | undefined {
  if (known.has(cidr)) return known.get(cidr);
  if (known.size >= MOST_KNOWN) known.clear();
  const network = parseNetwork(cidr);
  const listed = network && { ...network, list: networks([cidr]) };
  known.set(cidr, listed);
  return listed;
}

function parseNetwork(cidr: string): Network | undefined {
  const [address = '', length, ...rest] = cidr.split('/');
  const family = familyOf(address);
  const longest = family === 4 ? 32 : 128;
  if (family === 0 || rest.length > 0 || (length !== undefined && !/^\d{1,3}$/.test(length))) return undefined;
  const prefix = length === undefined ? longest : Number(length);
  return prefix > longest ? undefined : { address, prefix, family: family === 4 ? 'ipv4' : 'ipv6' };
}

function networks(cidrs: readonly string[]): BlockList {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const network = parseNetwork(cidr);
    if (network) list.addSubnet(network.address, network.prefix, network.family);
  }
  return list;
}

/** The IPv6 networks that lead to an IPv4 network: mapped (RFC 4291), NAT64 (RFC 6052), 6to4 (RFC 3056). */
function embedded(cidr: string): string[] {
  const [address = '', length] = cidr.split('/');
  const prefix = Number(length);
  const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
  const hex = `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  return [`::ffff:${hex}/${96 + prefix}`, `64:ff9b::${hex}/${96 + prefix}`, `2002:${hex}::/${16 + prefix}`];
}
