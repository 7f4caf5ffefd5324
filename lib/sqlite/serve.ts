/**
 * The far end of a database: carries out what is asked through a port, in order.
 *
 * Holds the one connection. Rows' blobs are transferred, not copied. Closes the port on `close`, after the last request.
 */
import type { MessagePort } from 'node:worker_threads';
import { Connection, problemOf } from './connection.ts';
import { Unpacker } from './packing.ts';
import type { OpenOptions, Request, Response, Row, Statement } from './protocol.ts';

/** Says first whether the file could be opened; nothing is answered when it could not. */
export function serve(port: MessagePort, options: OpenOptions): void {
  try {
    const server = new Server(port, new Connection(options));
    port.on('message', (request: Request) => server.carryOut(request));
    port.postMessage({ kind: 'opened' } satisfies Response);
  } catch (thrown) {
    port.postMessage({ kind: 'opened', problem: problemOf(thrown) } satisfies Response);
    port.close();
  }
}

const buffersOf = (rows: readonly Row[]): ArrayBuffer[] =>
  rows.flatMap((row) =>
    Object.values(row).flatMap((it) => (it instanceof Uint8Array ? [it.buffer as ArrayBuffer] : [])),
  );

class Server {
  readonly #port: MessagePort;
  readonly #connection: Connection;
  readonly #unpacker = new Unpacker();

  constructor(port: MessagePort, connection: Connection) {
    this.#port = port;
    this.#connection = connection;
  }

  carryOut(request: Request): void {
    switch (request.kind) {
      case 'write':
        return this.#say({ kind: 'written', ends: this.#connection.write(this.#unpacker.unpack(request.packed)) });
      case 'read':
        return this.#read(request.id, request.query);
      case 'close':
        this.#connection.close();
        this.#say({ kind: 'closed' });
        return this.#port.close();
    }
  }

  #read(id: number, query: Statement): void {
    try {
      const rows = this.#connection.read(query);
      this.#say({ kind: 'rows', id, rows }, buffersOf(rows));
    } catch (thrown) {
      this.#say({ kind: 'rows', id, rows: [], problem: problemOf(thrown) });
    }
  }

  #say(response: Response, transfer: ArrayBuffer[] = []): void {
    this.#port.postMessage(response, transfer);
  }
}
