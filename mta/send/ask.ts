/**
 * One frame to a proxy, and the frame that answers it.
 *
 * Promises: never rejects; not a byte beyond the answer is taken: it is put back and read by whoever listens to the socket next; a
 * socket that ends, breaks, is late or says what cannot be read is told as such. No more than one chunk beyond a frame is held.
 */
import type { Socket } from 'node:net';
import type { Clock, Duration } from '#lib/run/clock.ts';
import { codeOf } from '#lib/run/fault.ts';
import type { Reading } from '#lib/socks/wire.ts';

export interface Unanswered {
  readonly kind: 'late' | 'broken';
  /** After the name of who was asked: `does not answer in time`. */
  readonly why: string;
}

const LATE: Unanswered = { kind: 'late', why: 'does not answer in time' };
const CLOSED: Unanswered = { kind: 'broken', why: 'closed the connection' };
const UNREADABLE: Unanswered = { kind: 'broken', why: 'answers what is not SOCKS5' };

/** Nobody else listens to the socket meanwhile. */
export async function ask<Frame>(
  socket: Socket,
  bytes: Buffer,
  read: (bytes: Buffer) => Reading<Frame>,
  clock: Clock,
  limit: Duration,
): Promise<Frame | Unanswered> {
  if (socket.destroyed) return CLOSED;
  const { promise, resolve } = Promise.withResolvers<Frame | Unanswered>();
  let heard: Buffer = Buffer.alloc(0);
  const hear = (): void => {
    for (let chunk = take(socket); chunk; chunk = take(socket)) heard = Buffer.concat([heard, chunk]);
    const reading = read(heard);
    if (reading.kind === 'problem') resolve(UNREADABLE);
    if (reading.kind !== 'frame') return;
    socket.off('readable', hear);
    if (heard.length > reading.length) socket.unshift(heard.subarray(reading.length));
    resolve(reading.frame);
  };
  const broken = (error: Error): void => resolve({ kind: 'broken', why: `cannot be heard (${codeOf(error)})` });
  const closed = (): void => resolve(CLOSED);
  const timer = clock.after(limit, () => resolve(LATE));
  socket.on('readable', hear).on('error', broken).on('end', closed).on('close', closed);
  socket.write(bytes);
  const answer = await promise;
  timer.cancel();
  socket.off('readable', hear).off('error', broken).off('end', closed).off('close', closed);
  return answer;
}

const take = (socket: Socket): Buffer | null => socket.read() as Buffer | null;
