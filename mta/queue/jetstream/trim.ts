/**
 * Lets go of what nobody needs of the streams, by their beginnings, in one piece each, which is whole blocks.
 *
 * The log: all before the lowest floor that has been copied by whoever keeps events. Keys live longer than that: the servers copy them into a stream of their own as they
 * come, and nothing is let go of before they have.
 *
 * What became of mail: what no holder needs is events alone, and stays for as long as events live; also of mail that was let
 * go of long ago. When the stream is crowded the oldest of them go before their time, because outcomes that cannot be written
 * stop all sending. What a holder may need never goes, however old it is and however full the stream: a stream must not
 * have a `max_age` of its own. Whoever keeps events longer copies them: what is not copied yet stays, while there is room.
 */
import type { Instant } from '#lib/run/clock.ts';
import type { About, Streams } from '#lib/nats/streams.ts';
import type { Stored } from '#lib/nats/stored.ts';
import { floorIn } from './done-record.ts';
import type { Floor } from './floor.ts';
import type { Position } from './history.ts';
import type { Layout } from './layout.ts';

/** Lets go of both. `youngest`: events of before then have lived. `copied`: how far they are kept elsewhere, if they are to be. */
export async function trim(
  streams: Streams,
  layout: Layout,
  youngest: Instant,
  copied: Position = { log: Infinity, done: Infinity },
): Promise<void> {
  const floor = await lowestFloor(streams, layout);
  if (!floor) return;
  const cutLog = logCut({ ...(await streams.about(layout.log)), needed: floor.log, copied: copied.log });
  if (cutLog > 1 && (await streams.about(layout.keys)).behind === 0)
    await streams.purge(layout.log, { before: cutLog });
  const done = await streams.about(layout.done);
  if (done.first > floor.done) return;
  const young = await streams.firstSince(layout.done, youngest);
  const cut = doneCut({ ...done, needed: floor.done + 1, young, copied: copied.done });
  if (cut > done.first) await streams.purge(layout.done, { before: cut });
}

/** What matters to any shard is after it; undefined while any has nobody who ever said. */
async function lowestFloor(streams: Streams, layout: Layout): Promise<Floor | undefined> {
  const floors = (await streams.lastOfEach(layout.done, layout.allDone)).map(floorIn);
  if (floors.length < layout.shards) return undefined;
  return { log: Math.min(...floors.map((it) => it.log)), done: Math.min(...floors.map((it) => it.done)) };
}

/** Of a stream's `max_bytes`: above it putting is refused, and what has not lived to its end goes. */
const CROWDED = 0.85;

export const isCrowded = ({ bytes, mostBytes }: Pick<About, 'bytes' | 'mostBytes'>): boolean =>
  mostBytes > 0 && bytes >= mostBytes * CROWDED;

interface Cutting extends Pick<About, 'first' | 'bytes' | 'mostBytes'> {
  /** The first that a holder may need. */
  readonly needed: number;
  /** The first whose events are to live on; undefined when all have lived. */
  readonly young: number | undefined;
  /** The last whose events are kept elsewhere. */
  readonly copied: number;
}

/** The first record of the log that stays: mail that is refused for want of room is worse than a trace that lacks an event. */
export const logCut = ({ needed, copied, ...room }: Omit<Cutting, 'first' | 'young'>): number =>
  isCrowded(room) ? needed : Math.min(needed, copied + 1);

/** The first record that stays. Of a crowded stream a quarter of what nobody needs goes in any case. */
export function doneCut({ first, needed, young = Infinity, copied, ...room }: Cutting): number {
  const most = isCrowded(room) ? first + Math.ceil((needed - first) / 4) : first;
  return Math.min(needed, Math.max(Math.min(young, copied + 1), most));
}

/**
 * The last record of a key, wherever it is; `after`: how the log ends for it. `read`: how the log is asked; where that may be a
 * moment old, an append after `after` is refused if it is.
 */
export async function lastKey(
  streams: Pick<Streams, 'last' | 'lately'>,
  layout: Layout,
  subject: string,
  read: 'last' | 'lately' = 'last',
): Promise<{ readonly stored: Stored | undefined; readonly after: number }> {
  const inLog = await streams[read](layout.log, subject);
  const stored = inLog ?? (await streams.last(layout.keys, subject));
  return { stored, after: inLog?.seq ?? 0 };
}
