/**
 * What whoever is paged hears first of a process that died: that it did, and what was in hand.
 */
import type { Ground } from './ground.ts';
import type { AfterCrash } from '../queue/sqlite/crashes.ts';

/** `shard`: of whom it was, where there are several. */
export function tellCrash(
  { inHand, apart, setAside }: AfterCrash,
  { log, tell }: Pick<Ground, 'log' | 'tell'>,
  shard?: number,
): void {
  const where = shard === undefined ? {} : { shard };
  if (inHand > 0) log.warn('the last process died', { ...where, inHand, apart, setAside: setAside.length });
  for (const event of setAside) tell(event);
}
