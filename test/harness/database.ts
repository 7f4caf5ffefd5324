/**
 * A database in this thread: what it promises is the same, and opening one costs no thread.
 */
import { EventEmitter } from 'node:events';
import { MessageChannel } from 'node:worker_threads';
import type { Thread } from '#lib/sqlite/database.ts';
import type { OpenOptions } from '#lib/sqlite/protocol.ts';
import { serve } from '#lib/sqlite/serve.ts';

export function serveHere(options: OpenOptions): Thread {
  const { port1: near, port2: far } = new MessageChannel();
  const told = new EventEmitter();
  near.on('message', (response) => told.emit('message', response));
  near.on('close', () => told.emit('exit'));
  serve(far, options);
  return Object.assign(told, {
    postMessage: (...asked: Parameters<Thread['postMessage']>) => near.postMessage(...asked),
  });
}
