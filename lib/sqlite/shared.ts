/**
 * The far end of many databases: serves each through a port of its own. Ends when it is ended.
 */
import assert from 'node:assert';
import { parentPort } from 'node:worker_threads';
import { serve } from './serve.ts';
import type { ToServe } from './shared-thread.ts';

assert(parentPort, 'runs as a worker thread');
parentPort.on('message', ({ port, options }: ToServe) => serve(port, options));
