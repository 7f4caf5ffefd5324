/**
 * The body of a request, read whole and no further than it may go.
 *
 * Promises: never more than `limit` bytes are kept; a body that is refused is not read on, and its room is given back; that of
 * a body that was read is the caller's to give back. What is answered is the server's business.
 */
import type { Readable } from 'node:stream';
import type { Clock, Duration } from '../run/clock.ts';
import { seconds } from '../run/clock.ts';
import { Deadline } from '../run/deadline.ts';

export type BodyReading =
  | { readonly kind: 'body'; readonly bytes: Buffer }
  | { readonly kind: 'too-large' }
  | { readonly kind: 'no-room' }
  | { readonly kind: 'slow' }
  /** The peer has gone before its end. */
  | { readonly kind: 'cut' };

/** Memory that bodies share with others. */
export interface Room {
  /** Holds `bytes` from now on; false, and nothing changes, when there is no room. */
  resize(bytes: number): boolean;
  /** Gives everything back; harmless when repeated. */
  release(): void;
}

/** How slowly a body may come in. */
export interface Pace {
  readonly clock: Clock;
  /** Longest silence, and how many bytes buy a second more, never more than the silence ahead. Asked for each body. */
  readonly limits: () => { readonly silence: Duration; readonly bytesPerSecond: number };
}

export interface BodyOptions {
  /** What Content-Length says, 0 without one. */
  readonly announced: number;
  readonly limit: number;
  readonly room?: Room | undefined;
  readonly pace?: Pace | undefined;
}

/** Of each byte: as it came, and in the whole body. */
const COPIES = 2;

/** Never rejects. */
export function readBody(stream: Readable, { announced, limit, room, pace }: BodyOptions): Promise<BodyReading> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const keeper = pace && keepPace(pace, () => stop({ kind: 'slow' }));
    const take = (chunk: Buffer): void => {
      size += chunk.length;
      keeper?.came(chunk.length);
      if (size > limit) stop({ kind: 'too-large' });
      else if (room?.resize(size * COPIES) === false) stop({ kind: 'no-room' });
      else chunks.push(chunk);
    };
    const stop = (reading: BodyReading): void => {
      stream.off('data', take).pause();
      chunks.length = 0;
      keeper?.stop();
      room?.release();
      resolve(reading);
    };
    if (announced > limit) return stop({ kind: 'too-large' });
    stream.on('data', take);
    const cut = (): void => stop({ kind: 'cut' });
    stream.once('error', cut).once('close', cut);
    stream.once('end', () => {
      stream.off('error', cut).off('close', cut);
      keeper?.stop();
      resolve({ kind: 'body', bytes: Buffer.concat(chunks, size) });
    });
  });
}

/** Each byte buys time, as in a message by SMTP; `late` is called once it is used up. */
function keepPace({ clock, limits }: Pace, late: () => void): { came(bytes: number): void; stop(): void } {
  const { silence, bytesPerSecond } = limits();
  const deadline = new Deadline(clock, late);
  deadline.set(silence);
  return { came: (bytes) => deadline.extend(seconds(bytes / bytesPerSecond), silence), stop: () => deadline.stop() };
}
