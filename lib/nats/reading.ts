/**
 * Reads a subject of a stream from a sequence on to where it ends now, in order and without a gap.
 *
 * Where it ends the stream's leader says; whoever delivers may be behind it, and is waited for.
 */
import { type Clock, type Duration, seconds, sleep } from '../run/clock.ts';
import { Fault } from '../run/fault.ts';
import type { Following } from './following.ts';
import type { Reading } from './streams.ts';
import type { Stored } from './stored.ts';

/** Whoever reads to an end looks again where it is, when nothing comes. */
const LOOK_AGAIN_AFTER: Duration = seconds(2);

export interface Source {
  readonly clock: Clock;
  /** The last sequence there is, as the leader knows it. */
  readonly last: () => Promise<number>;
  readonly follow: () => Promise<Following>;
}

/** Up to the last that the leader knows of now, or what of it is not purged meanwhile. */
export async function* readToEnd({ stream, from }: Reading, { clock, last, follow }: Source): AsyncGenerator<Stored> {
  let target = await last();
  if (target < from) return;
  const following = await follow();
  const messages = following[Symbol.asyncIterator]();
  try {
    // One timer for many messages: each looks whether any came since the one before.
    let [seen, seenBefore, idle] = [0, 0, sleep(clock, LOOK_AGAIN_AFTER)];
    for (let next = messages.next(); seen < target;) {
      const found = await Promise.race([next, idle]);
      if (!found) {
        if (seen === seenBefore) target = Math.min(target, await last());
        [seenBefore, idle] = [seen, sleep(clock, LOOK_AGAIN_AFTER)];
        continue;
      }
      if (found.done === true) throw new Fault('nats-away', `the connection ended while ${stream} was read`);
      seen = found.value.seq;
      yield found.value;
      next = messages.next();
    }
  } finally {
    following.stop();
  }
}
