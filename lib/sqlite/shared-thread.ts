/**
 * One thread that serves many databases: for small ones that come and go, where a thread each would be most of what they cost.
 */
import { EventEmitter } from 'node:events';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import type { Thread } from './database.ts';
import type { OpenOptions } from './protocol.ts';

/** What the thread is told: serve this database through that port. */
export interface ToServe {
  readonly port: MessagePort;
  readonly options: OpenOptions;
}

export class SharedThread {
  readonly #worker = new Worker(new URL('./shared.ts', import.meta.url));

  constructor() {
    // Whoever has a database in it hears that it ended.
    this.#worker.on('error', () => undefined);
    this.#worker.unref();
  }

  /** To be given to `Database.open`. */
  readonly start = (options: OpenOptions): Thread => {
    const { port1: near, port2: far } = new MessageChannel();
    const told = new EventEmitter();
    near.on('message', (response) => told.emit('message', response));
    near.on('close', () => told.emit('exit'));
    this.#worker.postMessage({ port: far, options }, [far]);
    return Object.assign(told, {
      postMessage: (...asked: Parameters<Thread['postMessage']>) => near.postMessage(...asked),
    });
  };

  /** Ends the thread, and with it what it serves. */
  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
