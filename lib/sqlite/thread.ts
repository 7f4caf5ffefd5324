/**
 * The database thread: carries out requests in order, so that a slow disk never blocks the event loop.
 *
 * Holds the one connection. Rows' blobs are transferred, not copied. Ends on `close`, after the last request.
 */
import assert from 'node:assert';
import { parentPort, workerData } from 'node:worker_threads';
import { Connection, problemOf } from './connection.ts';
import { Unpacker } from './packing.ts';
import type { OpenOptions, Request, Response, Row } from './protocol.ts';

assert(parentPort, 'runs as a worker thread');
const port = parentPort;
const unpacker = new Unpacker();
const say = (response: Response, transfer: ArrayBuffer[] = []): void => port.postMessage(response, transfer);

function open(): Connection | undefined {
  try {
    const connection = new Connection(workerData as OpenOptions);
    say({ kind: 'opened' });
    return connection;
  } catch (thrown) {
    say({ kind: 'opened', problem: problemOf(thrown) });
    return undefined;
  }
}

const buffersOf = (rows: readonly Row[]): ArrayBuffer[] =>
  rows.flatMap((row) =>
    Object.values(row).flatMap((it) => (it instanceof Uint8Array ? [it.buffer as ArrayBuffer] : [])),
  );

function carryOut(connection: Connection, request: Request): void {
  switch (request.kind) {
    case 'write':
      return say({ kind: 'written', ends: connection.write(unpacker.unpack(request.packed)) });
    case 'read':
      try {
        const rows = connection.read(request.query);
        return say({ kind: 'rows', id: request.id, rows }, buffersOf(rows));
      } catch (thrown) {
        return say({ kind: 'rows', id: request.id, rows: [], problem: problemOf(thrown) });
      }
    case 'close':
      connection.close();
      say({ kind: 'closed' });
      return port.close();
  }
}

const connection = open();
if (connection) port.on('message', (request: Request) => carryOut(connection, request));
