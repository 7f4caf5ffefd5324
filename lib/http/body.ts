/**
 * The body of a request, read whole and no further than it may go.
 *
 * Promises: never more than `limit` bytes are kept; a body that is refused is not read on, and its room is given back; that of
 * a body that was read is the caller's to give back. What is answered is the server's business.
 */
import type { Readable } from 'node:stream';

export type BodyReading =
  | { readonly kind: 'body'; readonly bytes: Buffer }
  | { readonly kind: 'too-large' }
  | { readonly kind: 'no-room' }
  /** The peer has gone before its end. */
  | { readonly kind: 'cut' };

/** Memory that bodies share with others. */
export interface Room {
  /** Holds `bytes` from now on; false, and nothing changes, when there is no room. */
  resize(bytes: number): boolean;
  /** Gives everything back; harmless when repeated. */
  release(): void;
}

/** Of each byte: as it came, and in the whole body. */
const COPIES = 2;

/** `announced` is what Content-Length says, 0 without one. Never rejects. */
export function readBody(stream: Readable, announced: number, limit: number, room?: Room): Promise<BodyReading> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const take = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > limit) stop({ kind: 'too-large' });
      else if (room?.resize(size * COPIES) === false) stop({ kind: 'no-room' });
      else chunks.push(chunk);
    };
    const stop = (reading: BodyReading): void => {
      stream.off('data', take).pause();
      chunks.length = 0;
      room?.release();
      resolve(reading);
    };
    if (announced > limit) return stop({ kind: 'too-large' });
    stream.on('data', take);
    const cut = (): void => stop({ kind: 'cut' });
    stream.once('error', cut).once('close', cut);
    stream.once('end', () => {
      stream.off('error', cut).off('close', cut);
      resolve({ kind: 'body', bytes: Buffer.concat(chunks, size) });
    });
  });
}
