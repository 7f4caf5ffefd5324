/**
 * A TCP connection from a chosen local address to a target, or whose fault it is that there is none.
 *
 * Left to others: whether the target may be connected to at all (`connect.ts` asks `mayConnect` first).
 */
import { connect, type Socket, type TcpNetConnectOpts } from 'node:net';
import type { Clock } from '#lib/run/clock.ts';
import { codeOf } from '#lib/run/fault.ts';
import { reply } from '../mail/reply.ts';
import type { Setback } from './greet.ts';
import type { Target } from './target.ts';
import type { Timeouts } from './timeouts.ts';

/** Faults of this machine or its addresses: not plumbed, wrong family, ports or descriptors used up. */
const OWN_FAULTS = new Set([
  'EADDRNOTAVAIL',
  'EADDRINUSE',
  'EAFNOSUPPORT',
  'EINVAL',
  'EMFILE',
  'ENFILE',
  'ENOBUFS',
  'ERR_INVALID_IP_ADDRESS',
]);

/** Opens a socket: `net.connect`, or what stands in for it. May throw what it would tell as an error. */
export type OpenSocket = (where: TcpNetConnectOpts) => Socket;

const openOnMachine: OpenSocket = (where) => connect(where);

export interface OpenSetup {
  readonly clock: Clock;
  readonly timeouts: Timeouts;
  /** Absent: the machine's own sockets. */
  readonly openSocket?: OpenSocket | undefined;
}

/** `localAddress` `''` leaves the choice to the system. */
export async function open(
  target: Target,
  localAddress: string,
  { clock, timeouts, openSocket = openOnMachine }: OpenSetup,
): Promise<Socket | Setback> {
  const { promise, resolve } = Promise.withResolvers<Socket | Setback>();
  const timer = clock.after(timeouts.connect, () => resolve(notConnected('ETIMEDOUT')));
  let socket: Socket | undefined;
  try {
    socket = openSocket({
      host: target.address,
      port: target.port,
      noDelay: true,
      ...(localAddress && { localAddress }),
    });
    const connecting = socket;
    socket.once('connect', () => resolve(connecting));
    socket.once('error', (error) => resolve(notConnected(codeOf(error))));
  } catch (error) {
    resolve(notConnected(codeOf(error)));
  }
  const outcome = await promise;
  timer.cancel();
  if ('own' in outcome) abandon(socket);
  return outcome;
}

/** Whose fault it is by the code of what failed: the source's, or the receiver's and the net's. */
export function notConnected(code: string): Setback {
  const stage = OWN_FAULTS.has(code) ? 'bind' : 'connect';
  return { stage, reply: reply(451, stage === 'bind' ? '4.3.0' : '4.4.1', `no connection (${code})`), own: true };
}

/** A late error of a socket nobody waits for must not end the process. */
function abandon(socket: Socket | undefined): void {
  socket?.on('error', () => undefined);
  socket?.destroy();
}
