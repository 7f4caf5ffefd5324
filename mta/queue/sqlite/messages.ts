/**
 * Messages of entries that are about to be sent: from memory when they were just put or are being sent, else from the
 * file. However many entries a message has, its bytes are in memory once.
 */
import assert from 'node:assert';
import type { Row } from '#lib/sqlite/protocol.ts';
import type { Message } from '../../mail/message.ts';
import type { Journal } from '../changes.ts';
import { decodeMessage } from '../codec.ts';
import type { Recent } from './recent.ts';
import { messageNoOf } from './tables.ts';

/** A message that was left in the file, because those before it have bytes enough. */
export const UNREAD = 'unread';
export type Found = Map<number, Message | typeof UNREAD>;

/**
 * Reads messages by number, in the order asked for: rows with `no`, `envelope` and `raw`, which is null where those before
 * have `most` bytes already.
 */
export type ReadMessages = (numbers: readonly number[], most: number) => Promise<readonly Row[]>;

export interface MessagesOptions {
  readonly read: ReadMessages;
  readonly journal: Journal;
  /** What was just put, of other shards too: numbers are the same in all. */
  readonly recent: Recent;
  /** Told of each message that was set aside. Must not throw. */
  readonly unreadable: (thrown: unknown) => void;
}

export class Messages {
  readonly #readRows: ReadMessages;
  readonly #journal: Journal;
  readonly #unreadable: (thrown: unknown) => void;
  readonly #recent: Recent;
  /** Those of several recipients that somebody holds, as long as somebody does. */
  readonly #inUse = new Map<number, WeakRef<Message>>();
  readonly #forget = new FinalizationRegistry<number>((no) => {
    if (!this.#inUse.get(no)?.deref()) this.#inUse.delete(no);
  });
  readonly #reading = new Map<number, Promise<void>>();

  constructor({ read, journal, recent, unreadable }: MessagesOptions) {
    this.#readRows = read;
    this.#journal = journal;
    this.#recent = recent;
    this.#unreadable = unreadable;
  }

  keep(messageNo: number, message: Message): void {
    this.#recent.keep(messageNo, message);
  }

  /** Messages of lower numbers are read from the file, if nobody else sends them. */
  get firstInMemory(): number {
    return this.#recent.first;
  }

  drop(messageNo: number): void {
    this.#recent.drop(messageNo);
  }

  /**
   * By number, for rows of entries, some of which bring their messages along. One that cannot be read is set aside and
   * absent; once `most` bytes are read, the others are `UNREAD`.
   */
  async of(entries: readonly Row[], most: number): Promise<Found> {
    const found: Found = new Map();
    const numbers = new Set(entries.map((row) => messageNoOf(Number(row['no']))));
    for (const no of numbers) this.#lookUp(no, found);
    for (const no of await this.#openThose(entries, found)) numbers.delete(no);
    const unread = [...numbers].filter((no) => !found.has(no));
    if (unread.length > 0) await this.#read(unread, most, found);
    return found;
  }

  /** Messages that came along. Answers the numbers of those that were set aside. */
  async #openThose(entries: readonly Row[], found: Found): Promise<number[]> {
    const setAsideNow: number[] = [];
    for (const row of entries) {
      const no = messageNoOf(Number(row['no']));
      if (!(row['raw'] instanceof Uint8Array) || found.has(no)) continue;
      if (!(await this.#open(no, row, found))) setAsideNow.push(no);
    }
    return setAsideNow;
  }

  #lookUp(no: number, found: Found): void {
    const message = this.#recent.get(no) ?? this.#inUse.get(no)?.deref();
    if (message) found.set(no, message);
  }

  /** Lanes that ask for the same message at the same time share one reading. */
  async #read(numbers: readonly number[], most: number, found: Found): Promise<void> {
    const underWay = numbers.flatMap((no) => this.#reading.get(no) ?? []);
    const unasked = numbers.filter((no) => !this.#reading.has(no));
    const reading = unasked.length > 0 ? this.#readFile(unasked, most, found) : Promise.resolve();
    for (const no of unasked) this.#reading.set(no, reading);
    try {
      await Promise.all([reading, ...underWay]);
    } finally {
      for (const no of unasked) this.#reading.delete(no);
    }
    for (const no of numbers) this.#lookUp(no, found);
    // Whom the others did not read either, or could not.
    const left = numbers.filter((no) => !found.has(no) && !unasked.includes(no));
    if (left.length > 0) await this.#readFile(left, most, found);
  }

  async #readFile(numbers: readonly number[], most: number, found: Found): Promise<void> {
    const rows = await this.#readRows(numbers, most);
    for (const row of rows) {
      const no = Number(row['no']);
      if (row['raw'] === null) {
        found.set(no, UNREAD);
        continue;
      }
      await this.#open(no, row, found);
    }
  }

  /** Whether it could be read; if not it is set aside. */
  async #open(no: number, row: Row, found: Found): Promise<boolean> {
    try {
      const message = messageOf(row);
      found.set(no, message);
      if (message.recipients.length > 1) this.#share(no, message);
      return true;
    } catch (thrown) {
      this.#unreadable(thrown);
      await this.#journal.write([{ kind: 'unreadable', message: no }]);
      return false;
    }
  }

  /**
   * For the other recipients, while somebody holds it. Only then: what is referred to weakly outlives every small
   * collection of garbage, which makes a queue that is read from the file hold everything it sent for a while.
   */
  #share(no: number, message: Message): void {
    this.#inUse.set(no, new WeakRef(message));
    this.#forget.register(message, no);
  }
}

/** The message of a row with `envelope` and `raw`. */
function messageOf(row: Row): Message {
  const raw = row['raw'];
  assert(raw instanceof Uint8Array, 'a message has bytes');
  return decodeMessage(String(row['envelope']), Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength));
}
