/**
 * Slots of what is in hand, kept by the servers: whoever takes a shard next reads which messages its holder had.
 *
 * A few slots share a message, the last of its subject counts. Written without waiting, in order: it outlives the process, as
 * soon as the bytes are the system's. Each holder has subjects of its own, so that one that was stopped for a while and goes
 * on blames nobody.
 */
import type { Connection } from '#lib/nats/connection.ts';
import type { Streams } from '#lib/nats/streams.ts';
import type { Slots } from '../sqlite/in-hand.ts';
import type { Layout } from './layout.ts';

/** 64 slots. */
const BLOCK_BYTES = 512;

/** What a holder had, as slots. */
export async function handOf(streams: Streams, layout: Layout, shard: number, holding: number): Promise<Buffer> {
  const blocks = await streams.lastOfEach(layout.hand, `${layout.handOf(shard, holding)}.*`);
  const numbered = blocks.map((it) => ({ at: Number(it.subject.split('.').at(-1)), bytes: it.payload }));
  const image = Buffer.alloc(Math.max(0, ...numbered.map((it) => (it.at + 1) * BLOCK_BYTES)));
  for (const { at, bytes } of numbered) bytes.copy(image, at * BLOCK_BYTES);
  return image;
}

export interface HandOptions {
  readonly connection: Connection;
  readonly layout: Layout;
  readonly shard: number;
  /** Whose slots are written. */
  readonly holding: number;
  /** What the holder before had. */
  readonly found: Buffer;
}

export class NatsSlots implements Slots {
  readonly #options: HandOptions;
  #image = Buffer.alloc(0);
  #isClosed = false;

  constructor(options: HandOptions) {
    this.#options = options;
  }

  read(): Buffer {
    return this.#options.found;
  }

  write(bytes: Buffer, at: number): void {
    if (this.#isClosed) return;
    this.#grow(at + bytes.length);
    const [first, last] = [Math.floor(at / BLOCK_BYTES), Math.ceil((at + bytes.length) / BLOCK_BYTES)];
    const before = Buffer.from(this.#image.subarray(first * BLOCK_BYTES, last * BLOCK_BYTES));
    bytes.copy(this.#image, at);
    for (let block = first; block < last; block += 1) {
      const now = this.#image.subarray(block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES);
      const was = before.subarray((block - first) * BLOCK_BYTES, (block - first + 1) * BLOCK_BYTES);
      if (!now.equals(was)) this.#publish(block, now);
    }
  }

  close(): void {
    this.#isClosed = true;
  }

  #publish(block: number, bytes: Buffer): void {
    const { connection, layout, shard, holding } = this.#options;
    connection.publish({
      subject: `${layout.handOf(shard, holding)}.${block}`,
      headers: {},
      payload: Buffer.from(bytes),
    });
  }

  #grow(to: number): void {
    const size = Math.ceil(to / BLOCK_BYTES) * BLOCK_BYTES;
    if (size > this.#image.length) this.#image = Buffer.concat([this.#image, Buffer.alloc(size - this.#image.length)]);
  }
}
