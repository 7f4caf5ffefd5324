/**
 * Appends records of the ledger, all of them or none, and finds out how it ended.
 *
 * Whoever says which record must still be a subject's last hears `moved-on` when it is not: also when an answer was lost and the
 * append is found to be there. It looks then, and decides anew.
 */
import { type Clock, type Duration, seconds, sleep } from '#lib/run/clock.ts';
import { Fault } from '#lib/run/fault.ts';
import type { Outgoing } from '#lib/nats/connection.ts';
import { unknownOf } from '#lib/nats/appended.ts';
import type { Streams } from '#lib/nats/streams.ts';

export interface AppendsOptions {
  readonly streams: Pick<Streams, 'appendAll'>;
  /** The machine's. */
  readonly clock: Clock;
  /** A name that nobody else gives. */
  readonly nextName: () => string;
}

/** `there`: an append before, whose answer was lost, or of the same id. */
export type Ended =
  | { readonly kind: 'stored'; readonly sequence: number }
  | { readonly kind: 'there' }
  | { readonly kind: 'moved-on' };

/** How long an unknown end is looked into. */
const GIVE_UP_AFTER: Duration = seconds(5);
const ASK_AGAIN_AFTER: Duration = 100;

/**
 * Resolves when it is durable, or not written because a subject has moved on. Faults: `storage-full`; `storage-failed`, when NATS
 * refuses, and when it says nothing: then it may be written.
 */
export async function appendFacts(
  { streams, clock, nextName }: AppendsOptions,
  stream: string,
  messages: readonly Outgoing[],
): Promise<Ended> {
  const until = clock.monotonic() + GIVE_UP_AFTER;
  for (;;) {
    const appended = await streams.appendAll(messages, nextName()).catch(unknownOf);
    switch (appended.kind) {
      case 'stored':
      case 'moved-on':
        return appended;
      case 'full':
        throw new Fault('storage-full', `stream ${stream} is full (${appended.reason}): raise its max_bytes`);
      case 'duplicate':
        return { kind: 'there' };
      case 'refused':
        throw new Fault('storage-failed', `NATS refused what is for stream ${stream}: ${appended.reason}`);
      case 'unknown':
        if (clock.monotonic() >= until)
          throw new Fault(
            'storage-failed',
            `NATS did not say whether it is in ${stream}: ${appended.reason}; try again`,
          );
        await sleep(clock, ASK_AGAIN_AFTER);
    }
  }
}
