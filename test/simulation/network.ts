/**
 * A network that is simulated: what the product takes for sockets, and whom they lead to.
 *
 * Bytes take their time, in order, each way. When a process dies, what it had written still arrives, and then the end. Who
 * listens is told of bytes and of the end, and answers.
 */
import { Duplex } from 'node:stream';
import type { Socket, TcpNetConnectOpts } from 'node:net';
import type { FakeClock } from '#lib/run/fake-clock.ts';
import type { OpenSocket } from '#mta/send/open.ts';
import type { Chance } from './chance.ts';

/** The far end of a connection. */
export interface Peer {
  heard(text: string): void;
  /** Nothing comes any more, and nothing arrives that is said. */
  left(): void;
}

/** What a peer may do with its connection. */
export interface Line {
  /** `arrived` is called when the process has it. */
  say(text: string, after: number, arrived?: () => void): void;
  /** Closes, after what was said. */
  close(after: number): void;
}

/** Who is behind an address: a peer for each connection, or how connecting fails. */
export type Listen = (address: string, line: Line) => Peer | 'refused' | 'silent';

export interface NetworkSurroundings {
  readonly clock: FakeClock;
  readonly chance: Chance;
  readonly listen: Listen;
  /** A connection begins to an address, to which so many are open now. */
  readonly opened: (address: string, open: number) => void;
}

/** Milliseconds a packet takes at most. */
const LATENCY = 60;

export class Network {
  /** Connections that neither side has begun to end, by address. */
  readonly #open = new Map<string, number>();
  readonly #around: NetworkSurroundings;
  readonly #sockets = new Set<SimulatedSocket>();

  constructor(around: NetworkSurroundings) {
    this.#around = around;
  }

  /** Opens sockets as `net.connect` does. */
  readonly connect: OpenSocket = (where: TcpNetConnectOpts) => {
    const { clock, chance, listen, opened } = this.#around;
    const address = String(where.host);
    const socket = new SimulatedSocket(where.localAddress ?? '', clock, chance, () => this.#count(address, -1));
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    opened(address, this.#count(address, 1));
    clock.after(chance.within(1, LATENCY), () => socket.reach(listen(address, socket)));
    return socket as Duplex as Socket;
  };

  /** The process that has the sockets is dead. */
  cut(): void {
    for (const socket of this.#sockets) socket.cut();
    this.#sockets.clear();
  }

  get sockets(): number {
    return this.#sockets.size;
  }

  #count(address: string, by: number): number {
    const count = (this.#open.get(address) ?? 0) + by;
    this.#open.set(address, count);
    return count;
  }
}

/** The product's end of a connection. */
class SimulatedSocket extends Duplex implements Line {
  readonly localAddress: string;
  readonly #clock: FakeClock;
  readonly #chance: Chance;
  readonly #ending: () => void;
  #peer: Peer | undefined;
  #isEnding = false;
  #isCut = false;
  /** Nothing arrives before what was sent earlier: when the last does, each way. */
  #outArrives = 0;
  #inArrives = 0;

  constructor(localAddress: string, clock: FakeClock, chance: Chance, ending: () => void) {
    super({ allowHalfOpen: false });
    this.localAddress = localAddress;
    this.#clock = clock;
    this.#chance = chance;
    this.#ending = ending;
  }

  reach(peer: Peer | 'refused' | 'silent'): void {
    if (typeof peer === 'object') this.#peer = peer;
    if (this.#isCut || this.destroyed) return typeof peer === 'object' ? peer.left() : undefined;
    if (peer === 'silent') return;
    if (peer === 'refused') this.destroy(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }));
    else this.emit('connect');
  }

  /** SIGKILL: what was written arrives, and the end after it. */
  cut(): void {
    if (this.#isCut) return;
    this.#isCut = true;
    this.#peerLeft();
  }

  say(text: string, after: number, arrived?: () => void): void {
    this.#in(after, () => {
      this.push(text);
      arrived?.();
    });
  }

  close(after: number): void {
    this.#in(after, () => {
      this.#end();
      this.push(null);
    });
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#out(() => this.#peer?.heard(chunk.toString('latin1')));
    done();
  }

  override _final(done: () => void): void {
    this.#end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#end();
    if (!this.#isCut) this.#peerLeft();
    done(error);
  }

  #peerLeft(): void {
    this.#out(() => this.#peer?.left());
  }

  #end(): void {
    if (this.#isEnding || this.#isCut) return;
    this.#isEnding = true;
    this.#ending();
  }

  #out(act: () => void): void {
    this.#outArrives = Math.max(this.#outArrives, this.#clock.monotonic() + this.#latency());
    this.#clock.after(this.#outArrives - this.#clock.monotonic(), act);
  }

  #in(after: number, act: () => void): void {
    this.#inArrives = Math.max(this.#inArrives, this.#clock.monotonic() + after + this.#latency());
    this.#clock.after(this.#inArrives - this.#clock.monotonic(), () => {
      if (!this.#isCut && !this.destroyed) act();
    });
  }

  #latency(): number {
    return this.#chance.random.fraction() * LATENCY;
  }
}
