/**
 * Lets a few tasks run at a time. The others wait in lines by name, one of each line in turn, so that a long line delays
 * its own name only. Who is too many is told at once.
 */

export class FairLine {
  readonly #longest: number;
  readonly #longestOfOne: number;
  readonly #waiting = new Map<string, (() => void)[]>();
  #free: number;
  #count = 0;

  /** `most` run at a time; `longest` wait in all, `longestOfOne` under one name. */
  constructor(most: number, longest: number, longestOfOne: number) {
    this.#free = most;
    this.#longest = longest;
    this.#longestOfOne = longestOfOne;
  }

  /** What the task answers, or undefined when there are too many already. */
  run<T>(name: string, task: () => Promise<T>): Promise<T> | undefined {
    if (this.#free > 0) {
      this.#free -= 1;
      return this.#run(task);
    }
    const line = this.#waiting.get(name) ?? [];
    if (this.#count >= this.#longest || line.length >= this.#longestOfOne) return undefined;
    this.#waiting.set(name, line);
    this.#count += 1;
    return new Promise<void>((resolve) => line.push(resolve)).then(() => this.#run(task));
  }

  async #run<T>(task: () => Promise<T>): Promise<T> {
    try {
      return await task();
    } finally {
      this.#next();
    }
  }

  /** The name that had its turn goes behind the others. */
  #next(): void {
    const [first] = this.#waiting;
    if (!first) {
      this.#free += 1;
      return;
    }
    const [name, line] = first;
    this.#waiting.delete(name);
    const start = line.shift();
    if (line.length > 0) this.#waiting.set(name, line);
    this.#count -= 1;
    start?.();
  }
}
