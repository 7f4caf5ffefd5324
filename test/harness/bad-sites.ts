/**
 * Receivers that hold up whoever sends to them: one that never takes a connection, one that thinks before each reply.
 */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { freePorts } from './ports.ts';
import { Receiver } from './receiver.ts';
import type { Stage } from './stage.ts';

/** Listens and stands still: the kernel completes a connection or two, and never answers the others. */
export async function openBlackHole(stage: Stage): Promise<number> {
  const [port = 0] = await freePorts(1);
  const listen = `require('node:net').createServer().listen({ port: ${port}, host: '127.0.0.1', backlog: 1 }, () => console.error('listening'))`;
  const program = stage.start('black-hole', process.execPath, ['-e', listen]);
  await program.says(/listening/);
  program.signal('SIGSTOP');
  return port;
}

/** A receiver whose every reply comes late. */
export class SlowSite {
  readonly port: number;
  readonly #receiver: Receiver;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(receiver: Receiver, server: Server, port: number, delay: number) {
    this.#receiver = receiver;
    this.#server = server;
    this.port = port;
    server.on('connection', (socket) => this.#serve(socket, delay));
  }

  static async open(stage: Stage, delay: number): Promise<SlowSite> {
    const [port = 0, behind = 0] = await freePorts(2);
    const receiver = stage.adopt(await Receiver.listen(behind));
    const server = createServer();
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return stage.adopt(new SlowSite(receiver, server, port, delay));
  }

  /** Connections so far. */
  get connections(): number {
    return this.#receiver.connections;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  /** What is said to the receiver goes on at once, what it answers later. */
  #serve(socket: Socket, delay: number): void {
    const receiver = connect(this.#receiver.port, '127.0.0.1');
    for (const it of [socket, receiver]) {
      this.#sockets.add(it);
      it.on('error', () => undefined);
      it.on('close', () => this.#sockets.delete(it));
    }
    socket.on('data', (said) => receiver.write(said));
    socket.on('close', () => receiver.destroy());
    receiver.on('data', (reply) => setTimeout(() => socket.write(reply), delay).unref());
    receiver.on('end', () => setTimeout(() => socket.end(), delay).unref());
  }
}
