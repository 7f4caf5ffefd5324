/**
 * The PROXY header, versions 1 and 2, with which a load balancer says for whom it connects (haproxy's
 * `proxy-protocol.txt`). Pure: the bytes so far in, the whole header or a verdict out.
 *
 * Promises: never throws; what is said of the first bytes that are enough is not unsaid by more of them; a header longer
 * than any real one is a problem before it is held in memory. Extensions (TLVs) are stepped over unread. Whose header is
 * believed at all is left to the listener, the socket to `proxied.ts`.
 */
import { SocketAddress, isIPv4, isIPv6 } from 'node:net';

export interface Endpoint {
  /** As in `Peer.address`. */
  readonly address: string;
  readonly port: number;
}

export type ProxyReading =
  | { readonly kind: 'more' }
  | { readonly kind: 'problem' }
  /** `source` is absent when the balancer speaks for itself (LOCAL, as its health checks do) or cannot tell (UNKNOWN). */
  | { readonly kind: 'header'; readonly length: number; readonly source?: Endpoint };

/** Version 1: all of it, with CRLF. Version 2: what the specification says fits any path, with room for TLVs. */
const LONGEST_V1 = 107;
const LONGEST_V2 = 536;

const WORD = Buffer.from('PROXY ');
const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const FIXED_V2 = 16;
const LF = 10;

const MORE: ProxyReading = { kind: 'more' };
const PROBLEM: ProxyReading = { kind: 'problem' };

/** Reads the header at the start of `bytes`. */
export function readProxyHeader(bytes: Buffer): ProxyReading {
  if (agrees(bytes, WORD)) return readText(bytes);
  return agrees(bytes, SIGNATURE) ? readBinary(bytes) : PROBLEM;
}

/** `::ffff:192.0.2.1` is 192.0.2.1, so that limits and networks see one address. */
export const plainAddress = (address: string): string => address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '');

/** Whether `bytes` begin with `start`, as far as they have come. */
function agrees(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return bytes.compare(start, 0, length, 0, length) === 0;
}

function readText(bytes: Buffer): ProxyReading {
  const end = bytes.subarray(0, LONGEST_V1).indexOf(LF);
  if (end < 0) return bytes.length < LONGEST_V1 ? MORE : PROBLEM;
  const length = end + 1;
  const text = bytes.toString('latin1', 0, length);
  if (/^PROXY UNKNOWN(?: [ -~]*)?\r\n$/.test(text)) return { kind: 'header', length };
  const [, family, from = '', to = '', port, toPort] = TEXT.exec(text) ?? [];
  const isAddress = family === '4' ? isIPv4 : isPlainIPv6;
  if (!isAddress(from) || !isAddress(to) || !isPort(port) || !isPort(toPort)) return PROBLEM;
  return { kind: 'header', length, source: endpoint(from, Number(port)) };
}

const TEXT = /^PROXY TCP([46]) ([\da-fA-F.:]+) ([\da-fA-F.:]+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})\r\n$/;

/** A zone (`%eth0`) means nothing on another machine. */
const isPlainIPv6 = (text: string): boolean => isIPv6(text) && !text.includes('%');
const isPort = (text: string | undefined): boolean => text !== undefined && Number(text) <= 65_535;

const VERSION_2_LOCAL = 0x20;
const VERSION_2_PROXY = 0x21;
const UNSPECIFIED = 0x00;
const TCP_OVER_IPV4 = 0x11;
const TCP_OVER_IPV6 = 0x21;

/** Signature, version and command, family and protocol, length of what follows: addresses, ports, TLVs. */
function readBinary(bytes: Buffer): ProxyReading {
  if (bytes.length < FIXED_V2) return MORE;
  const length = FIXED_V2 + bytes.readUInt16BE(14);
  const command = bytes[12];
  if (length > LONGEST_V2 || (command !== VERSION_2_LOCAL && command !== VERSION_2_PROXY)) return PROBLEM;
  if (bytes.length < length) return MORE;
  if (command === VERSION_2_LOCAL || bytes[13] === UNSPECIFIED) return { kind: 'header', length };
  return readAddresses(bytes.subarray(FIXED_V2, length), bytes[13], length);
}

function readAddresses(block: Buffer, family: number | undefined, length: number): ProxyReading {
  if (family === TCP_OVER_IPV4 && block.length >= 12)
    return { kind: 'header', length, source: endpoint(block.subarray(0, 4).join('.'), block.readUInt16BE(8)) };
  if (family === TCP_OVER_IPV6 && block.length >= 36) {
    const groups = block.toString('hex', 0, 16).match(/.{4}/g) ?? [];
    return { kind: 'header', length, source: endpoint(groups.join(':'), block.readUInt16BE(32)) };
  }
  return PROBLEM;
}

/** One text per address, however it was written. */
function endpoint(address: string, port: number): Endpoint {
  if (isIPv4(address)) return { address, port };
  return { address: plainAddress(new SocketAddress({ address, family: 'ipv6' }).address), port };
}
