/**
 * Hands bytes on between two sockets, both ways, until both ways have ended.
 *
 * Promises: no byte is changed, held longer than the other side's buffer is full, or made up; one way may end before the other;
 * when a socket breaks, what it had said is handed on and then the other one is closed, so that neither outlives the other;
 * while nobody says anything for `silence`, or for `afterEnd` once one way has ended, both are cut, at twice that at the latest.
 * `over` is told once.
 */
import type { Socket } from 'node:net';
import type { Clock, Duration } from '#lib/run/clock.ts';
import { Deadline } from '#lib/run/deadline.ts';

export interface RelayOptions {
  readonly clock: Clock;
  readonly silence: Duration;
  readonly afterEnd: Duration;
  /** Both are closed. Bytes from the client to the peer, and back. */
  readonly over: (there: number, back: number) => void;
}

/** Both sockets are open, may be half-open, and have listeners for their errors. */
export function relay(client: Socket, peer: Socket, { clock, silence, afterEnd, over }: RelayOptions): void {
  const there = new Way(client, peer);
  const back = new Way(peer, client);
  let seen = 0;
  const look = (): void => {
    const sum = there.bytes + back.bytes;
    const isQuiet = sum === seen;
    seen = sum;
    if (!isQuiet) return deadline.set(limit());
    for (const it of [client, peer]) it.destroy();
  };
  const limit = (): Duration => (there.hasEnded || back.hasEnded ? afterEnd : silence);
  const deadline = new Deadline(clock, look);
  let open = 2;
  for (const it of [client, peer]) {
    it.once('end', () => deadline.set(afterEnd));
    it.once('close', () => {
      open -= 1;
      if (open > 0) return;
      deadline.stop();
      over(there.bytes, back.bytes);
    });
  }
  deadline.set(silence);
  for (const it of [there, back]) it.start();
}

/** One way: what `from` says, `to` hears. */
class Way {
  bytes = 0;
  hasEnded = false;
  readonly #from: Socket;
  readonly #to: Socket;

  constructor(from: Socket, to: Socket) {
    this.#from = from;
    this.#to = to;
  }

  start(): void {
    const [from, to] = [this.#from, this.#to];
    from.on('data', (chunk: Buffer) => {
      this.bytes += chunk.length;
      if (!to.write(chunk)) from.pause();
    });
    to.on('drain', () => from.resume());
    from.once('end', () => {
      this.hasEnded = true;
      to.end();
    });
    from.once('close', () => this.#broken());
    from.resume();
  }

  /** Without an end of its own it broke: the other side hears what there is and no more. */
  #broken(): void {
    if (!this.hasEnded) this.#to.destroySoon();
  }
}
