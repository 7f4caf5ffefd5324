/**
 * Does one thing at a time under each name, in the order asked: each must see what the one before did.
 */
export class Turns {
  /** The last thing asked under each name, while it runs. */
  readonly #busy = new Map<string, Promise<unknown>>();

  async alone<T>(name: string, work: () => Promise<T>): Promise<T> {
    const working = (this.#busy.get(name) ?? Promise.resolve()).then(work);
    const settled = working.catch(() => undefined);
    this.#busy.set(name, settled);
    try {
      return await working;
    } finally {
      if (this.#busy.get(name) === settled) this.#busy.delete(name);
    }
  }
}
