/**
 * A wire to a server that a test cuts: what is on its way is lost, and whoever waits for an answer waits in vain. Or it is held up for
 * a while, both ways, and arrives late.
 */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Stage } from './stage.ts';

export class Wire {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isDeaf = false;
  #isParted = false;

  private constructor(port: number) {
    this.#server = createServer((near) => {
      const far = connect(port, '127.0.0.1');
      this.#carry(near, far, () => false);
      this.#carry(far, near, () => this.#isDeaf);
    });
  }

  /** To a port of this machine; gone with its stage. */
  static async open(stage: Stage, port: number): Promise<Wire> {
    const wire = stage.adopt(new Wire(port));
    wire.#server.listen(0, '127.0.0.1');
    await once(wire.#server, 'listening');
    return wire;
  }

  get url(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** From now on what is said arrives, and no answer does. */
  deafen(): void {
    this.#isDeaf = true;
  }

  /** From now on nothing passes, and nothing is lost. */
  part(): void {
    this.#isParted = true;
    for (const it of this.#sockets) it.pause();
  }

  /** What was held up passes, and what comes. */
  join(): void {
    this.#isParted = false;
    for (const it of this.#sockets) it.resume();
  }

  /** All connections break; those that are made anew work. */
  cut(): void {
    this.#isDeaf = false;
    for (const it of this.#sockets) it.destroy();
  }

  async close(): Promise<void> {
    this.#server.close();
    this.cut();
  }

  #carry(from: Socket, to: Socket, isLost: () => boolean): void {
    this.#sockets.add(from);
    from.on('data', (bytes) => void (isLost() || to.write(bytes)));
    from.on('error', () => to.destroy());
    if (this.#isParted) from.pause();
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
