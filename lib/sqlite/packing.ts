/**
 * Units of statements as one flat list of plain values and one buffer, and back.
 *
 * Objects, and a buffer for each value, cost three times as much to hand to another thread (measured: 35 µs a message
 * against 12), and every SQL text would be copied each time. One packer speaks to one unpacker, in order.
 */
import assert from 'node:assert';
import type { Packed, SqlValue, Statement, Unit } from './protocol.ts';

type Cell = Packed['cells'][number];

export class Packer {
  /** Numbers of the texts that have crossed. */
  readonly #numbers = new Map<string, number>();

  pack(units: readonly Unit[]): Packed {
    const texts: string[] = [];
    const cells: Cell[] = [];
    const blobs: Uint8Array[] = [];
    for (const { unless, statements } of units) {
      cells.push(unless ? 1 : 0, statements.length);
      if (unless) this.#put(unless, texts, cells, blobs);
      for (const statement of statements) this.#put(statement, texts, cells, blobs);
    }
    return { texts, cells, bytes: joined(blobs) };
  }

  #put({ sql, params }: Statement, texts: string[], cells: Cell[], blobs: Uint8Array[]): void {
    cells.push(this.#numberOf(sql, texts), params.length);
    for (const param of params) {
      if (!(param instanceof Uint8Array)) cells.push(param);
      else {
        cells.push(undefined, param.length);
        blobs.push(param);
      }
    }
  }

  #numberOf(sql: string, texts: string[]): number {
    const known = this.#numbers.get(sql);
    if (known !== undefined) return known;
    texts.push(sql);
    this.#numbers.set(sql, this.#numbers.size);
    return this.#numbers.size - 1;
  }
}

function joined(blobs: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(blobs.reduce((sum, it) => sum + it.length, 0));
  let at = 0;
  for (const blob of blobs) {
    bytes.set(blob, at);
    at += blob.length;
  }
  return bytes;
}

export class Unpacker {
  readonly #texts: string[] = [];

  unpack({ texts, cells, bytes }: Packed): Unit[] {
    this.#texts.push(...texts);
    const reader = new Reader(this.#texts, cells, bytes);
    const units: Unit[] = [];
    while (reader.hasMore) units.push(reader.unit());
    return units;
  }
}

class Reader {
  readonly #texts: readonly string[];
  readonly #cells: readonly Cell[];
  readonly #bytes: Uint8Array;
  #at = 0;
  #byte = 0;

  constructor(texts: readonly string[], cells: readonly Cell[], bytes: Uint8Array) {
    this.#texts = texts;
    this.#cells = cells;
    this.#bytes = bytes;
  }

  get hasMore(): boolean {
    return this.#at < this.#cells.length;
  }

  unit(): Unit {
    const hasUnless = this.#number() === 1;
    const count = this.#number();
    const first = hasUnless ? { unless: this.#statement() } : {};
    return { ...first, statements: Array.from({ length: count }, () => this.#statement()) };
  }

  #statement(): Statement {
    const sql = this.#texts[this.#number()];
    assert(sql !== undefined, 'a text crosses before its number');
    return { sql, params: Array.from({ length: this.#number() }, () => this.#value()) };
  }

  #value(): SqlValue {
    const cell = this.#cells[this.#at++];
    if (cell !== undefined) return cell;
    const start = this.#byte;
    this.#byte += this.#number();
    return this.#bytes.subarray(start, this.#byte);
  }

  #number(): number {
    const cell = this.#cells[this.#at++];
    assert(typeof cell === 'number', 'counts and numbers of texts are numbers');
    return cell;
  }
}
