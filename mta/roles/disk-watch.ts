/**
 * The disk of the data folder, watched: its reserve as the resources declare it, told in the log and as metrics.
 *
 * What the queue's file has free within counts as room: it does not shrink when mail leaves it.
 */
import { spaceOf } from '#lib/run/disk.ts';
import type { Clock } from '#lib/run/clock.ts';
import type { Log } from '#lib/run/log.ts';
import { watchGauge } from '#lib/run/metrics.ts';
import type { Database } from '#lib/sqlite/database.ts';
import { DiskReserve, type ReserveSize, type ReserveState } from '../accept/reserve.ts';

export interface DiskWatchOptions {
  readonly data: string;
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Log;
  /** Asked at each look. */
  readonly size: () => ReserveSize;
}

const FREE_PAGES = 'SELECT freelist_count * page_size AS bytes FROM pragma_freelist_count, pragma_page_size';

export async function watchDisk({ data, database, clock, log, size }: DiskWatchOptions): Promise<DiskReserve> {
  const look = async () => {
    const space = await spaceOf(data);
    const [pages] = await database.read(FREE_PAGES);
    return { ...space, free: space.free + Number(pages?.['bytes']) };
  };
  const reserve = await DiskReserve.open({ clock, look, size, changed: (state) => tell(log, state) });
  watchGauge('diskFree', () => reserve.state.free);
  watchGauge('diskReserve', () => reserve.state.reserve);
  return reserve;
}

function tell(log: Log, { isLow, free, reserve }: ReserveState): void {
  if (isLow) log.error('the disk is nearly full: new mail is put off until there is room', { free, reserve });
  else log.info('the disk has room again: new mail is taken', { free, reserve });
}

/** What readiness says of it. */
export const diskPart = ({ isLow, free, reserve }: ReserveState) =>
  isLow
    ? {
        part: 'disk',
        ready: false,
        reason: `${Math.round(free)} bytes free, ${Math.round(reserve)} are kept: free some`,
      }
    : { part: 'disk', ready: true };
