/**
 * Reads what lies in the log by its sequences.
 */
import type { Streams } from '#lib/nats/streams.ts';
import type { Pieces } from './put-record.ts';

/** One after the other, so that a large message is in memory once. Undefined when any of it is gone. */
export async function fetchPieces(
  streams: Pick<Streams, 'at'>,
  log: string,
  { first, count }: Pieces,
): Promise<Buffer | undefined> {
  const pieces: Buffer[] = [];
  for (let at = 0; at < count; at += 1) {
    const stored = await streams.at(log, first + at);
    if (!stored) return undefined;
    pieces.push(stored.payload);
  }
  const [only] = pieces;
  return count === 1 ? only : Buffer.concat(pieces);
}
