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

  /** No message below this number is here. */
  get first(): number {
    for (const no of this.#messages.keys()) return no;
    return Number.MAX_SAFE_INTEGER;
  }

  keep(messageNo: number, message: Message): void {
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
