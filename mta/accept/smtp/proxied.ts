/**
 * The first bytes of a load balancer's connection: reads its PROXY header off the socket, and not one byte more.
 *
 * Promises: `done` is called exactly once, within the time given; with `introduced` the socket is paused and what came
 * after the header waits in it, be it a command or TLS; in every other case the socket is destroyed.
 */
import type { Socket } from 'node:net';
import type { Clock, Duration } from '#lib/run/clock.ts';
import { type Endpoint, readProxyHeader } from './proxy.ts';

export type Introduction =
  /** Without a `source` the balancer speaks for itself. */
  | { readonly kind: 'introduced'; readonly source: Endpoint | undefined }
  /** What came is no header, or none came in time. */
  | { readonly kind: 'refused' }
  /** Closed before a whole header had come, as a health check does. */
  | { readonly kind: 'gone' };

/** `socket` is fresh: nobody else reads it yet. */
export function readIntroduction(
  socket: Socket,
  clock: Clock,
  time: Duration,
  done: (introduction: Introduction) => void,
): void {
  let bytes: Buffer = Buffer.alloc(0);
  const settle = (introduction: Introduction): void => {
    timer.cancel();
    socket.off('data', read).off('end', leave).off('error', leave).off('close', leave);
    if (introduction.kind !== 'introduced') discard(socket);
    done(introduction);
  };
  const leave = (): void => settle({ kind: 'gone' });
  const read = (chunk: Buffer): void => {
    bytes = Buffer.concat([bytes, chunk]);
    const reading = readProxyHeader(bytes);
    if (reading.kind === 'problem') settle({ kind: 'refused' });
    if (reading.kind !== 'header') return;
    socket.pause();
    if (bytes.length > reading.length) socket.unshift(bytes.subarray(reading.length));
    settle({ kind: 'introduced', source: reading.source });
  };
  const timer = clock.after(time, () => settle({ kind: 'refused' }));
  socket.on('data', read).once('end', leave).once('error', leave).once('close', leave);
}

function discard(socket: Socket): void {
  socket.on('error', () => undefined);
  socket.destroy();
}
