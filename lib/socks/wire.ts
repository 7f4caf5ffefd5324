/**
 * SOCKS5 on the wire (RFC 1928, login as in RFC 1929), for both sides: the bytes so far in, a whole frame or a verdict
 * out; and frames as bytes. Pure.
 *
 * Promises: never throws on what a peer says; what is said of the first bytes that are enough is not unsaid by more of
 * them; no frame is longer than `LONGEST_FRAME`, so that nobody has to hold more. Addresses are text in their shortest form, as the
 * resources write them; a host name is told as such and not read. What frames mean and in which order is the caller's.
 */
import { isIPv4, isIPv6 } from 'node:net';

export interface Place {
  /** IPv4, or IPv6 in its shortest form. */
  readonly address: string;
  readonly port: number;
}

export type Reading<Frame> =
  | { readonly kind: 'more' }
  /** Nothing that follows can be read. */
  | { readonly kind: 'problem'; readonly problem: 'version' | 'length' | 'reserved' | 'address-type' }
  | { readonly kind: 'frame'; readonly length: number; readonly frame: Frame };

export const METHODS = { none: 0, login: 2, noneOfThem: 0xff } as const;
export const COMMANDS = { connect: 1, bind: 2 } as const;

/** What a server answers to a request. */
export const REPLIES = {
  done: 0,
  failed: 1,
  notAllowed: 2,
  networkUnreachable: 3,
  hostUnreachable: 4,
  refused: 5,
  timedOut: 6,
  unknownCommand: 7,
  unknownAddressType: 8,
} as const;

export interface Login {
  readonly user: Buffer;
  readonly password: Buffer;
}

export interface Request {
  readonly command: number;
  /** `name`: a host name, whatever it is. */
  readonly place: Place | 'name';
}

export interface Reply {
  readonly code: number;
  readonly place: Place | 'name';
}

/** A login with a user and a password of 255 octets. */
export const LONGEST_FRAME = 513;

const VERSION = 5;
const LOGIN_VERSION = 1;
const IPV4 = 1;
const NAME = 3;
const IPV6 = 4;

const MORE = { kind: 'more' } as const;
const problem = (what: 'version' | 'length' | 'reserved' | 'address-type') =>
  ({ kind: 'problem', problem: what }) as const;

/** The methods a client offers. */
export function readGreeting(bytes: Buffer): Reading<readonly number[]> {
  if (bytes.length > 0 && bytes[0] !== VERSION) return problem('version');
  const count = bytes[1];
  if (count === undefined) return MORE;
  if (count === 0) return problem('length');
  const length = 2 + count;
  return bytes.length < length ? MORE : { kind: 'frame', length, frame: [...bytes.subarray(2, length)] };
}

export function readLogin(bytes: Buffer): Reading<Login> {
  if (bytes.length > 0 && bytes[0] !== LOGIN_VERSION) return problem('version');
  const userLength = bytes[1];
  if (userLength === undefined) return MORE;
  if (userLength === 0) return problem('length');
  const passwordAt = 2 + userLength + 1;
  const passwordLength = bytes[passwordAt - 1];
  if (passwordLength === undefined) return MORE;
  if (passwordLength === 0) return problem('length');
  const length = passwordAt + passwordLength;
  if (bytes.length < length) return MORE;
  const frame = { user: bytes.subarray(2, passwordAt - 1), password: bytes.subarray(passwordAt, length) };
  return { kind: 'frame', length, frame };
}

export function readRequest(bytes: Buffer): Reading<Request> {
  const reading = readPlaced(bytes);
  if (reading.kind !== 'frame') return reading;
  const { word, place } = reading.frame;
  return { ...reading, frame: { command: word, place } };
}

/** The method a server has chosen. */
export function readMethod(bytes: Buffer): Reading<number> {
  return readVerdict(bytes, VERSION);
}

/** Whether a login holds: 0 means that it does. */
export function readLoginVerdict(bytes: Buffer): Reading<number> {
  return readVerdict(bytes, LOGIN_VERSION);
}

export function readReply(bytes: Buffer): Reading<Reply> {
  const reading = readPlaced(bytes);
  if (reading.kind !== 'frame') return reading;
  const { word, place } = reading.frame;
  return { ...reading, frame: { code: word, place } };
}

function readVerdict(bytes: Buffer, version: number): Reading<number> {
  if (bytes.length > 0 && bytes[0] !== version) return problem('version');
  const [, frame] = bytes;
  return frame === undefined ? MORE : { kind: 'frame', length: 2, frame };
}

/** Requests and replies: version, a word, a reserved octet, a place. */
function readPlaced(bytes: Buffer): Reading<{ readonly word: number; readonly place: Place | 'name' }> {
  const [version, word, reserved, type] = bytes;
  if (version !== undefined && version !== VERSION) return problem('version');
  if (reserved !== undefined && reserved !== 0) return problem('reserved');
  if (word === undefined || type === undefined) return MORE;
  if (type !== IPV4 && type !== IPV6 && type !== NAME) return problem('address-type');
  const size = sizeOf(type, bytes[4]);
  if (size === undefined) return MORE;
  if (type === NAME && size === 1) return problem('length');
  const length = 4 + size + 2;
  if (bytes.length < length) return MORE;
  const place = type === NAME ? 'name' : placeOf(bytes.subarray(4, length));
  return { kind: 'frame', length, frame: { word, place } };
}

/** Octets of an address; of a name with the one that says its length, which may be still to come. */
function sizeOf(type: number, first: number | undefined): number | undefined {
  if (type === IPV4) return 4;
  if (type === IPV6) return 16;
  return first === undefined ? undefined : 1 + first;
}

function placeOf(bytes: Buffer): Place {
  const address = bytes.subarray(0, -2);
  const port = bytes.readUInt16BE(address.length);
  if (address.length === 4) return { address: address.join('.'), port };
  const groups = address.toString('hex').match(/.{4}/g) ?? [];
  return { address: shortest(groups.join(':')), port };
}

const shortest = (address: string): string => URL.parse(`http://[${address}]/`)?.hostname.slice(1, -1) ?? address;

/** What a client offers; at least one method. */
export const greeting = (methods: readonly number[]): Buffer => Buffer.from([VERSION, methods.length, ...methods]);

export const method = (chosen: number): Buffer => Buffer.from([VERSION, chosen]);

/** User and password have 1 to 255 octets each. */
export const login = ({ user, password }: Login): Buffer =>
  Buffer.concat([Buffer.from([LOGIN_VERSION, user.length]), user, Buffer.from([password.length]), password]);

export const loginVerdict = (holds: boolean): Buffer => Buffer.from([LOGIN_VERSION, holds ? 0 : 1]);

/** `address` is an IP address without a zone. */
export const request = (command: number, place: Place): Buffer => placed(command, place);

/** Without a place it is all zeros, as after what failed. */
export const reply = (code: number, place: Place = { address: '0.0.0.0', port: 0 }): Buffer => placed(code, place);

function placed(word: number, { address, port }: Place): Buffer {
  const octets = octetsOf(address);
  const type = octets.length === 4 ? IPV4 : IPV6;
  return Buffer.from([VERSION, word, 0, type, ...octets, port >> 8, port & 0xff]);
}

function octetsOf(address: string): number[] {
  if (isIPv4(address)) return address.split('.').map(Number);
  if (!isIPv6(address) || address.includes('%')) throw new TypeError(`not an IP address: ${address}`);
  const [head = '', tail] = shortest(address).split('::');
  const groups = (text = ''): string[] => (text === '' ? [] : text.split(':'));
  const [front, back] = [groups(head), groups(tail)];
  const all = [...front, ...Array<string>(8 - front.length - back.length).fill('0'), ...back];
  return all.map((it) => Number.parseInt(it, 16)).flatMap((it) => [it >> 8, it & 0xff]);
}
