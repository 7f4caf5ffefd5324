/**
 * Lets the event loop go before the work it hands to threads.
 *
 * Signing keeps every core busy under load. Threads of equal rank then take the core from the event loop whenever it wakes
 * them, and senders wait for their 250 although the disk has it. With the pool's threads a few steps nicer the loop runs
 * when it can, and signing takes what is left (docs/decisions/0006). Linux only; elsewhere, and where it is not
 * permitted, nothing changes.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { setPriority } from 'node:os';

/** What libuv calls the threads of its pool. They exist once the first work was handed to them. */
const POOL_THREAD = 'libuv-worker';
const TASKS = '/proc/self/task';

/** Measured in docs/decisions/0006. */
const SIGNING_YIELDS = 10;

/** Makes the pool's threads nicer by `steps` (0 to 19); answers how many there are. */
export function yieldToEventLoop(steps: number = SIGNING_YIELDS): number {
  try {
    const threads = readdirSync(TASKS).filter(
      (it) => readFileSync(`${TASKS}/${it}/comm`, 'utf8').trim() === POOL_THREAD,
    );
    // On Linux a thread's number stands for the thread alone.
    for (const thread of threads) setPriority(Number(thread), steps);
    return threads.length;
  } catch {
    return 0;
  }
}
