/**
 * The queue on NATS as a process of its own opens it: servers, monitors and name as arguments.
 */
import { systemClock } from '#lib/run/clock.ts';
import type { Opened } from '#mta/queue/jetstream/open.ts';
import { openQueue } from '../harness/jetstream.ts';

/** `arguments`: server, monitor, name. */
export const openNatsQueue = ([server = '', monitor = '', name = '']: readonly string[]): Promise<Opened> =>
  openQueue({ urls: [server], monitors: [monitor] }, name, systemClock);
