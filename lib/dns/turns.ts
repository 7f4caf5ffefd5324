/**
 * Turns at something of which there is only so much, first come first served.
 */
export class Turns {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(free: number) {
    this.#free = free;
  }

  /** Calls `begin` now, or when a turn is free. To be called once: what is returned, which gives the turn back, or stops waiting. */
  take(begin: () => void): () => void {
    let isBegun = false;
    const start = (): void => {
      isBegun = true;
      this.#free -= 1;
      begin();
    };
    if (this.#free > 0) start();
    else this.#waiting.add(start);
    return () => (isBegun ? this.#giveBack() : void this.#waiting.delete(start));
  }

  #giveBack(): void {
    this.#free += 1;
    const [next] = this.#waiting;
    if (!next) return;
    this.#waiting.delete(next);
    next();
  }
}
