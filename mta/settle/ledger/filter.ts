/**
 * Says of a text "surely never added" or "maybe", in two to four bytes for each text added (a Bloom filter that grows).
 *
 * Lets nearly every look-up of what is not there end in memory. Nothing can be taken out: what was removed stays
 * "maybe" until the filter is built anew. Wrong "maybe"s are about one in a thousand.
 */

/** 16 bits or more and 8 probes: (1 - e^(-8/16))^8 = 0.06 %, and a layer more for each doubling. */
const BITS = 16;
const PROBES = 8;
const SMALLEST = 64;

export class Filter {
  readonly #layers: Layer[];

  /** `expected`: texts that will be added soon; more make it grow. */
  constructor(expected = 0) {
    this.#layers = [new Layer(Math.max(expected, SMALLEST))];
  }

  mayHold(text: string): boolean {
    const first = hash(text, 0x01_1c_9d_c5);
    const step = hash(text, first) | 1;
    return this.#layers.some((it) => it.has(first, step));
  }

  add(text: string): void {
    if (this.mayHold(text)) return;
    const first = hash(text, 0x01_1c_9d_c5);
    this.#roomiest().add(first, hash(text, first) | 1);
  }

  #roomiest(): Layer {
    const last = this.#layers.at(-1);
    if (last?.hasRoom) return last;
    const next = new Layer((last?.capacity ?? SMALLEST) * 2);
    this.#layers.push(next);
    return next;
  }
}

class Layer {
  readonly capacity: number;
  readonly #bits: Uint32Array;
  /** As many bits as a power of two, less one: remainders are cheap. */
  readonly #mask: number;
  #count = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    const size = 2 ** Math.ceil(Math.log2(capacity * BITS));
    this.#bits = new Uint32Array(size / 32);
    this.#mask = size - 1;
  }

  get hasRoom(): boolean {
    return this.#count < this.capacity;
  }

  has(first: number, step: number): boolean {
    for (let probe = 0, at = first; probe < PROBES; probe += 1, at = (at + step) | 0) {
      const bit = at & this.#mask;
      if (((this.#bits[bit >>> 5] ?? 0) & (1 << (bit & 31))) === 0) return false;
    }
    return true;
  }

  add(first: number, step: number): void {
    this.#count += 1;
    for (let probe = 0, at = first; probe < PROBES; probe += 1, at = (at + step) | 0) {
      const bit = at & this.#mask;
      this.#bits[bit >>> 5] = (this.#bits[bit >>> 5] ?? 0) | (1 << (bit & 31));
    }
  }
}

/** FNV-1a over UTF-16, its bits mixed at the end (the finalizer of MurmurHash3); not for anything secret. */
function hash(text: string, seed: number): number {
  let value = seed;
  for (let at = 0; at < text.length; at += 1) value = Math.imul(value ^ text.charCodeAt(at), 0x01_00_01_93);
  value = Math.imul(value ^ (value >>> 16), 0x85_eb_ca_6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2_b2_ae_35);
  return value ^ (value >>> 16);
}
