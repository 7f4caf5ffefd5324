/**
 * The body of a request, read whole and no further than it may go.
 *
 * Promises: never more than `limit` bytes are kept; a body that is refused is not read on. What is answered then is the
 * server's business.
 */
import type { Readable } from 'node:stream';

export type BodyReading =
  | { readonly kind: 'body'; readonly bytes: Buffer }
  | { readonly kind: 'too-large' }
  /** The peer has gone before its end. */
  | { readonly kind: 'cut' };

/** `announced` is what Content-Length says, 0 without one. Never rejects. */
export function readBody(stream: Readable, announced: number, limit: number): Promise<BodyReading> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const take = (chunk: Buffer): void => {
      size += chunk.length;
      chunks.push(chunk);
      if (size > limit) stop({ kind: 'too-large' });
    };
    const stop = (reading: BodyReading): void => {
      stream.off('data', take).pause();
      chunks.length = 0;
      resolve(reading);
    };
    if (announced > limit) return stop({ kind: 'too-large' });
    stream.on('data', take);
    stream.once('end', () => resolve({ kind: 'body', bytes: Buffer.concat(chunks, size) }));
    stream.once('error', () => stop({ kind: 'cut' }));
    stream.once('close', () => stop({ kind: 'cut' }));
  });
}
