/**
 * The database thread, so that a slow disk never blocks the event loop. Ends when its port is closed.
 */
import assert from 'node:assert';
import { parentPort, workerData } from 'node:worker_threads';
import type { OpenOptions } from './protocol.ts';
import { serve } from './serve.ts';

assert(parentPort, 'runs as a worker thread');
serve(parentPort, workerData as OpenOptions);
