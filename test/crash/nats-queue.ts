/**
 * The queue on NATS as a process of its own opens it: servers, monitors and name as arguments.
 */
import { systemClock } from '#lib/run/clock.ts';
import type { Opened } from '#mta/queue/jetstream/open.ts';
import { openQueue } from '../harness/jetstream.ts';

/** `arguments`: server, monitor, name, and `answered` where mail may be lost. */
export const openNatsQueue = ([
  server = '',
  monitor = '',
  name = '',
  promise = 'synced',
]: readonly string[]): Promise<Opened> =>
  openQueue({ urls: [server], monitors: [monitor] }, name, systemClock, {
    promise: promise === 'answered' ? 'answered' : 'synced',
  });
