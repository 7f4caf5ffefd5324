/**
 * What the machine does for the dialogue: sees whether it has an address, and connects from it.
 *
 * Promises: never rejects; every socket that is given up is destroyed; whose fault a failure is, is told in SOCKS' own words.
 */
import { createSocket } from 'node:dgram';
import { connect, isIPv4, type Socket } from 'node:net';
import { codeOf } from '#lib/run/fault.ts';
import { type Place, REPLIES } from '#lib/socks/wire.ts';
import type { Attempted } from './dialogue.ts';

type Failure = Attempted & { readonly kind: 'failed' };

const UNBOUND: Failure = { kind: 'failed', code: REPLIES.failed, outcome: 'unbound' };
export const TIMED_OUT: Failure = { kind: 'failed', code: REPLIES.timedOut, outcome: 'unreachable' };

/** Of a connection that was not made; what is not here is a fault of this machine. */
const PEERS_FAULTS = new Map<string, number>([
  ['ECONNREFUSED', REPLIES.refused],
  ['ECONNRESET', REPLIES.refused],
  ['EHOSTUNREACH', REPLIES.hostUnreachable],
  ['EHOSTDOWN', REPLIES.hostUnreachable],
  ['ENETUNREACH', REPLIES.networkUnreachable],
  ['ETIMEDOUT', REPLIES.timedOut],
]);
/** A firewall of this machine's lets nothing through to there. */
const FORBIDDEN = new Set(['EACCES', 'EPERM']);

/**
 * Whether the machine has an address. Node binds a TCP socket only when it connects, so another one is bound in its place, and
 * the port, which is chosen then, is said to be 0.
 */
export function bind(address: string): Promise<Attempted> {
  const probe = createSocket(isIPv4(address) ? 'udp4' : 'udp6');
  const { promise, resolve } = Promise.withResolvers<Attempted>();
  probe.once('error', (error) => {
    resolve(isExhausted(error) ? failureOf(error) : UNBOUND);
    probe.close();
  });
  probe.bind({ address, port: 0, exclusive: true }, () => {
    probe.close();
    resolve({ kind: 'done', place: { address, port: 0 } });
  });
  return promise;
}

/** Begins to connect; `told` is called once, unless the socket is destroyed before. */
export function connectFrom(from: string, to: Place, told: (attempted: Attempted) => void): Socket {
  const socket = connect({
    host: to.address,
    port: to.port,
    localAddress: from,
    allowHalfOpen: true,
    noDelay: true,
  });
  const failed = (error: Error): void => told(failureOf(error));
  socket.once('error', failed);
  socket.once('connect', () => {
    socket.off('error', failed);
    socket.on('error', () => undefined);
    told({ kind: 'done', place: { address: from, port: socket.localPort ?? 0 } });
  });
  return socket;
}

const isExhausted = (error: Error): boolean => ['EMFILE', 'ENFILE', 'ENOBUFS', 'EADDRINUSE'].includes(codeOf(error));

function failureOf(error: Error): Failure {
  const code = codeOf(error);
  const peers = PEERS_FAULTS.get(code);
  if (peers !== undefined) return { kind: 'failed', code: peers, outcome: 'unreachable' };
  if (FORBIDDEN.has(code)) return { kind: 'failed', code: REPLIES.notAllowed, outcome: 'unreachable' };
  const isGone = code === 'EADDRNOTAVAIL' && 'syscall' in error && error.syscall === 'bind';
  return isGone ? UNBOUND : { kind: 'failed', code: REPLIES.failed, outcome: 'exhausted' };
}
