/**
 * Which messages this process has in hand, kept where a crash leaves it: in a file of slots, one for each lease.
 *
 * What `write` has written outlives the process, not the machine: nothing is synced, because what matters is which
 * message was there when a process died, and a machine that loses its power says nothing about any. Who writes once for
 * many leases makes one system call for them. A disk that takes nothing holds up nobody: there is room for the usual from the
 * start, and what cannot be written is written with what comes next. What a crash means for a message is in `crashes.ts`.
 */
import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs';
import { Fault } from '#lib/run/fault.ts';

/** Where slots are kept. */
export interface Slots {
  read(): Buffer;
  write(bytes: Buffer, at: number): void;
  close(): void;
}

const SLOT_BYTES = 8;
/** Room for a thousand connections with four leases each. */
const USUAL_BYTES = 4096 * SLOT_BYTES;
const EMPTY = 0n;

export class InHand {
  /** Messages that were in hand when the last process ended, each once. */
  readonly found: readonly number[];
  readonly #slots: Slots;
  /** The file as it is to be. */
  #image: Buffer;
  readonly #free: number[] = [];
  /** Slots that were ever used. */
  #used = 0;
  /** Slots that differ from the file lie from `#from` to before `#to`. */
  #from = Infinity;
  #to = 0;
  #isPlanned = false;
  #isClosed = false;
  readonly #troubled: (thrown: unknown) => void;
  #isTroubled = false;

  /** `troubled` is told once when slots cannot be written, until they can be again. Must not throw. */
  constructor(slots: Slots, troubled: (thrown: unknown) => void = () => undefined) {
    this.#slots = slots;
    this.#troubled = troubled;
    this.#image = slots.read();
    this.found = numbersIn(this.#image);
  }

  /** What was found has been counted: the slots are this process's from now on. */
  begin(): void {
    this.#image = Buffer.alloc(Math.max(this.#image.length, USUAL_BYTES));
    this.#from = 0;
    this.#to = Math.floor(this.#image.length / SLOT_BYTES);
    this.write();
  }

  /** A slot for a message, on file once `write` was called. */
  enter(message: number): number {
    const slot = this.#free.pop() ?? this.#used++;
    if ((slot + 1) * SLOT_BYTES > this.#image.length) this.#grow();
    this.#image.writeBigUInt64LE(BigInt(message), slot * SLOT_BYTES);
    this.#touch(slot);
    return slot;
  }

  /**
   * On file by the end of this turn of the event loop; `isGone`: with what is written next, because nobody will find a message of
   * that number.
   */
  leave(slot: number, isGone = false): void {
    this.#image.writeBigUInt64LE(EMPTY, slot * SLOT_BYTES);
    this.#free.push(slot);
    this.#touch(slot);
    if (this.#isPlanned || isGone) return;
    this.#isPlanned = true;
    setImmediate(() => {
      this.#isPlanned = false;
      this.write();
    });
  }

  write(): void {
    if (this.#isClosed || this.#to <= this.#from) return;
    const [from, to] = [this.#from * SLOT_BYTES, this.#to * SLOT_BYTES];
    try {
      this.#slots.write(this.#image.subarray(from, to), from);
      this.#from = Infinity;
      this.#to = 0;
      this.#isTroubled = false;
    } catch (thrown) {
      if (!this.#isTroubled) this.#troubled(thrown);
      this.#isTroubled = true;
    }
  }

  /** What is in hand now stays on file. */
  close(): void {
    if (this.#isClosed) return;
    this.write();
    this.#isClosed = true;
    this.#slots.close();
  }

  #touch(slot: number): void {
    this.#from = Math.min(this.#from, slot);
    this.#to = Math.max(this.#to, slot + 1);
  }

  #grow(): void {
    this.#image = Buffer.concat([this.#image, Buffer.alloc(Math.max(this.#image.length, 128 * SLOT_BYTES))]);
  }
}

/** Whatever is in the file: what no number is read from names nothing. */
function numbersIn(image: Buffer): number[] {
  const numbers = new Set<number>();
  for (let at = 0; at + SLOT_BYTES <= image.length; at += SLOT_BYTES) {
    const number = Number(image.readBigUInt64LE(at));
    if (number > 0 && Number.isSafeInteger(number)) numbers.add(number);
  }
  return [...numbers];
}

/** Slots in a file, made when it is not there. */
export function slotsIn(path: string): Slots {
  const file = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  return {
    read: () => readFileSync(path),
    write: (bytes, at) => {
      // A disk that fills takes a part: the whole is written again when there is room.
      const written = writeSync(file, bytes, 0, bytes.length, at);
      if (written < bytes.length) throw new Fault('storage-full', `no space left for ${path}: free some`);
    },
    close: () => closeSync(file),
  };
}
