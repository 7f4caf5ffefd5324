/**
 * Records of a stream that wait to be written, bounded in bytes: who reads them waits for room before it reads more, and the
 * server is asked for no more than is read (the library asks as its messages are taken).
 */
import type { Stored } from '#lib/nats/stored.ts';

/** Bytes above which there is no room; and what a record takes beside its own, about. */
const MOST = 4 * 1024 * 1024;
const OVERHEAD = 1024;

export class Gathered {
  readonly #records: Stored[] = [];
  #bytes = 0;
  #hasRoom: (() => void) | undefined;

  get length(): number {
    return this.#records.length;
  }

  /** Resolves when another may come: some of what waits was taken, or nobody takes any more. */
  async push(record: Stored): Promise<void> {
    this.#records.push(record);
    this.#bytes += sizeOf(record);
    if (this.#bytes >= MOST) await new Promise<void>((resolve) => (this.#hasRoom = resolve));
  }

  /** The first, so many at most. */
  take(most: number): readonly Stored[] {
    const taken = this.#records.splice(0, most);
    this.#bytes -= taken.reduce((sum, it) => sum + sizeOf(it), 0);
    this.letGo();
    return taken;
  }

  /** Whoever waits for room waits no more. */
  letGo(): void {
    this.#hasRoom?.();
    this.#hasRoom = undefined;
  }
}

const sizeOf = ({ payload }: Stored): number => payload.length + OVERHEAD;
