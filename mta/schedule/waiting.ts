/**
 * Who waits for room under a name, in turn. No I/O.
 */

export class Waiting<Waiter> {
  readonly #byName = new Map<string, Set<Waiter>>();

  /** Waiting twice under a name is waiting once. */
  add(name: string, waiter: Waiter): void {
    const waiters = this.#byName.get(name) ?? new Set<Waiter>();
    this.#byName.set(name, waiters.add(waiter));
  }

  /**
   * There is room under a name: each that waits is served in turn, until one waits under it again.
   * `serve` may add waiters.
   */
  wake(name: string, serve: (waiter: Waiter) => void): void {
    const waiters = this.#byName.get(name);
    if (!waiters) return;
    for (const waiter of waiters) {
      waiters.delete(waiter);
      serve(waiter);
      if (waiters.has(waiter)) return;
    }
    if (waiters.size === 0) this.#byName.delete(name);
  }
}
