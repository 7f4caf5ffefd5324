/**
 * A question's bytes to a server and bytes back: one datagram from a port of its own, or one TCP connection.
 *
 * Promises: the system picks a random port for each question, and hands on nothing from anywhere but the server; by
 * TCP one message is read, which its length field bounds to 64 KiB. `heard` may be called often, `failed` too; neither
 * after `close`. Left to others: whether bytes are the answer, and how long to wait.
 */
import { createSocket } from 'node:dgram';
import { connect, isIPv6, type Socket } from 'node:net';
import { codeOf } from '#lib/run/fault.ts';
import type { Server } from './server.ts';

export interface Listening {
  readonly heard: (bytes: Buffer) => void;
  /** With a word for people: `ECONNREFUSED`. */
  readonly failed: (reason: string) => void;
}

export interface Conversation {
  close(): void;
}

/** How to talk to a server. */
export type Converse = (server: Server, question: Buffer, listening: Listening) => Conversation;

export const byDatagram: Converse = (server, question, { heard, failed }) => {
  const socket = createSocket(isIPv6(server.address) ? 'udp6' : 'udp4');
  socket.on('message', (bytes) => heard(bytes));
  socket.on('error', (error) => failed(codeOf(error)));
  socket.connect(server.port, server.address, () => socket.send(question));
  return {
    close: () => {
      socket.removeAllListeners('message');
      socket.close();
    },
  };
};

export const byStream: Converse = (server, question, { heard, failed }) => {
  const socket = connect({ host: server.address, port: server.port });
  const length = Buffer.alloc(2);
  length.writeUInt16BE(question.length);
  socket.write(Buffer.concat([length, question]));
  // RFC 1035 §4.2.2: two bytes of length in front. The stream keeps what has come of a message that comes in drips.
  let expected: number | undefined;
  socket.on('readable', () => {
    expected ??= take(socket, 2)?.readUInt16BE(0);
    const message = expected === undefined ? undefined : take(socket, expected);
    if (message) heard(message);
  });
  socket.on('error', (error) => failed(codeOf(error)));
  socket.on('end', () => failed('closed by the server'));
  return { close: () => void socket.removeAllListeners('readable').destroy() };
};

/** So many bytes, once they are there; of a stream that has ended fewer may be left. */
function take(socket: Socket, bytes: number): Buffer | undefined {
  const taken = socket.read(bytes) as Buffer | null;
  return taken?.length === bytes ? taken : undefined;
}
