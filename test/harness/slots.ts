/**
 * Slots that outlive who wrote them, as a file outlives a process.
 */
import type { Slots } from '#mta/queue/sqlite/in-hand.ts';

export function slotsInMemory(): Slots {
  let kept = Buffer.alloc(0);
  return {
    read: () => Buffer.from(kept),
    write: (bytes, at) => {
      kept = Buffer.concat([kept, Buffer.alloc(Math.max(0, at + bytes.length - kept.length))]);
      bytes.copy(kept, at);
    },
    close: () => undefined,
  };
}
