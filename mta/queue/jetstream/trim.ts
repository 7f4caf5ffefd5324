/**
 * Lets go of the part of the log that nobody needs: all before the lowest floor, in one piece, which is whole blocks.
 *
 * Keys live longer than that: the servers copy them into a stream of their own as they come, and nothing is let go of before
 * they have.
 */
import type { Stored, Streams } from '#lib/nats/streams.ts';
import { decodeFloor } from './floor.ts';
import type { Layout } from './layout.ts';

/** Nothing is let go of while any shard has said nothing yet. */
export async function trimLog(streams: Streams, layout: Layout): Promise<void> {
  const told = await streams.lastOfEach(layout.hand, layout.allFloors);
  const floors = told.map((it) => decodeFloor(it.payload).log);
  const lowest = Math.min(...floors);
  if (floors.length < layout.shards || lowest <= 1) return;
  if ((await streams.about(layout.keys)).behind === 0) await streams.purge(layout.log, { before: lowest });
}

/** The last record of a key, wherever it is; `after`: how the log ends for it. */
export async function lastKey(
  streams: Streams,
  layout: Layout,
  subject: string,
): Promise<{ readonly stored: Stored | undefined; readonly after: number }> {
  const inLog = await streams.last(layout.log, subject);
  const stored = inLog ?? (await streams.last(layout.keys, subject));
  return { stored, after: inLog?.seq ?? 0 };
}
