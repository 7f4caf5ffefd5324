/**
 * Messages that were just put, kept in memory so that sending them needs no read: most mail leaves within a second.
 *
 * Bounded in bytes; the oldest go first. Only a shortcut: what is not here is in the file.
 */
import type { Message } from '../../mail/message.ts';

/** What a message takes beside its bytes, about. */
const OVERHEAD = 1024;

export class Recent {
  readonly #limit: number;
  readonly #messages = new Map<number, Message>();
  #bytes = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The number of the oldest; where they are kept in their order, no message below it is here. */
  get first(): number {
    for (const no of this.#messages.keys()) return no;
    return Number.MAX_SAFE_INTEGER;
  }

  /** Again and again the same one, where several shards have recipients of it. */
  keep(messageNo: number, message: Message): void {
    this.drop(messageNo);
    this.#messages.set(messageNo, message);
    this.#bytes += sizeOf(message);
    for (const oldest of this.#messages.keys()) {
      if (this.#bytes <= this.#limit) return;
      this.drop(oldest);
    }
  }

  get(messageNo: number): Message | undefined {
    return this.#messages.get(messageNo);
  }

  drop(messageNo: number): void {
    const message = this.#messages.get(messageNo);
    if (message && this.#messages.delete(messageNo)) this.#bytes -= sizeOf(message);
  }
}

const sizeOf = (message: Message): number => message.raw.length + OVERHEAD;
