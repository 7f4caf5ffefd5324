/**
 * STARTTLS as a client (RFC 3207) and what the handshake led to. The one file of `send/` that speaks to node:tls.
 *
 * Promises: what came in clear never counts after the handshake; with `verify` a peer that cannot prove its host name
 * gets nothing; no version older than was asked for is used. Left to others: whether TLS is wanted, and what to do when it fails (`connect.ts`).
 */
import { isIP, type Socket } from 'node:net';
import { connect, createSecureContext, type SecureContext, TLSSocket } from 'node:tls';
import type { Clock } from '#lib/run/clock.ts';
import { codeOf, reasonOf } from '#lib/run/fault.ts';
import { reply } from '../mail/reply.ts';
import { isBreach } from './breach.ts';
import { type Setback, setback } from './greet.ts';
import type { Timeouts } from './timeouts.ts';
import type { Wire } from './wire.ts';

export type ClientContext = SecureContext;

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3';

/** In every handshake (RFC 8996): what a policy asks for above it is held against what was agreed on. */
const OLDEST: TlsVersion = 'TLSv1.2';

/** Trust anchors and protocol versions, made once: it takes longer than a handshake. `ca` in PEM replaces the platform's. */
export function clientContext(ca?: readonly string[]): ClientContext {
  return createSecureContext({ minVersion: OLDEST, ...(ca && { ca: [...ca] }) });
}

export interface Handshake {
  /** SNI and the name the certificate is checked against; an address is checked as one and gets no SNI. */
  readonly host: string;
  /** Refuse a certificate that is not valid for `host`. */
  readonly verify: boolean;
  readonly minVersion: TlsVersion;
  readonly context: ClientContext;
}

/** Asks for TLS. `declined` leaves the session as it was, in clear. */
export async function askForTls(wire: Wire, timeouts: Timeouts): Promise<'granted' | 'declined' | Setback> {
  const answer = await wire.exchange('STARTTLS', timeouts.startTls);
  if (isBreach(answer)) return { ...setback('tls', answer), isTlsBroken: true };
  if (answer.code === 421) return setback('tls', answer);
  if (answer.code !== 220) return 'declined';
  if (wire.isQuiet) return 'granted';
  const reason = reply(451, '4.7.5', 'the receiver sent more in clear after it agreed to TLS');
  return { stage: 'tls', reply: reason, own: true };
}

/** Turns a connected socket into a TLS one; destroys it when that fails. */
export async function shakeHands(
  socket: Socket,
  handshake: Handshake,
  clock: Clock,
  timeouts: Timeouts,
): Promise<TLSSocket | Setback> {
  const { host, verify, minVersion, context } = handshake;
  const servername = isIP(host) ? '' : host;
  const secure = connect({ socket, host, servername, rejectUnauthorized: verify, secureContext: context });
  const failed = await handshakeEnd(secure, clock, timeouts);
  const failure = failed === undefined ? tooOld(secure.getProtocol(), minVersion) : explained(failed, minVersion);
  if (failure === undefined) return secure;
  secure.on('error', () => undefined);
  secure.destroy();
  return tlsBroken(failure);
}

/** Our own words for a failed handshake. */
export function tlsBroken(reason: string): Setback {
  return { stage: 'tls', reply: reply(451, '4.7.5', `TLS failed: ${reason}`), own: true, isTlsBroken: true };
}

/** What to say of a socket: `TLSv1.3 TLS_AES_256_GCM_SHA384`, and whether the certificate is valid for the host. */
export function tlsFacts(socket: Socket): { readonly tls?: string; readonly isVerified: boolean } {
  if (!(socket instanceof TLSSocket)) return { isVerified: false };
  const tls = `${socket.getProtocol() ?? 'TLS'} ${socket.getCipher().standardName}`;
  return { tls, isVerified: socket.authorized };
}

/** Versions sort by their names. */
const tooOld = (agreed: string | null, least: TlsVersion): string | undefined =>
  agreed !== null && agreed < least
    ? `the receiver offers ${agreed} at most, ${least} is the least allowed`
    : undefined;

/** Either side may be the one to say so. */
const NO_COMMON_VERSION = new Set(['ERR_SSL_UNSUPPORTED_PROTOCOL', 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION']);

const explained = (reason: string, least: TlsVersion): string =>
  NO_COMMON_VERSION.has(reason)
    ? `the receiver offers nothing as new as ${OLDEST}, ${least} is the least allowed (${reason})`
    : reason;

/** Undefined when the handshake is done, else why not. */
async function handshakeEnd(secure: TLSSocket, clock: Clock, timeouts: Timeouts): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const timer = clock.after(timeouts.handshake, () => resolve('no handshake in time'));
  secure.once('secureConnect', () => resolve(undefined));
  secure.once('error', (error) => resolve(codeOf(error) || reasonOf(error)));
  secure.once('close', () => resolve('the receiver closed the connection'));
  try {
    return await promise;
  } finally {
    timer.cancel();
  }
}
