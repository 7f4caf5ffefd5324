/**
 * Messages of entries that are about to be sent: from memory when they were just put, else from the file.
 */
import assert from 'node:assert';
import type { Database } from '#lib/sqlite/database.ts';
import type { Row } from '#lib/sqlite/protocol.ts';
import type { Message } from '../../message.ts';
import { decodeMessage } from '../codec.ts';
import { Recent } from './recent.ts';
import { MESSAGES } from './tables.ts';

/** Bytes of messages kept in memory after they were put, so that sending them at once needs no read. */
const RECENT_BYTES = 32 * 1024 * 1024;

export class Messages {
  readonly #database: Database;
  readonly #recent = new Recent(RECENT_BYTES);

  constructor(database: Database) {
    this.#database = database;
  }

  keep(messageNo: number, message: Message): void {
    this.#recent.keep(messageNo, message);
  }

  drop(messageNo: number): void {
    this.#recent.drop(messageNo);
  }

  /** By number, for rows that have a `messageNo`. Two entries of one message share it. */
  async of(entries: readonly Row[]): Promise<ReadonlyMap<number, Message>> {
    const messages = new Map<number, Message>();
    const unread = new Set<number>();
    for (const row of entries) {
      const no = Number(row['messageNo']);
      const recent = this.#recent.get(no);
      if (recent) messages.set(no, recent);
      else unread.add(no);
    }
    if (unread.size === 0) return messages;
    const rows = await this.#database.read(MESSAGES, [JSON.stringify([...unread])]);
    for (const row of rows) messages.set(Number(row['no']), messageOf(row));
    return messages;
  }
}

/** The message of a row with `envelope` and `raw`. */
export function messageOf(row: Row): Message {
  const raw = row['raw'];
  assert(raw instanceof Uint8Array, 'a message has bytes');
  return decodeMessage(String(row['envelope']), Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength));
}
