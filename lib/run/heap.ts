/**
 * A binary min-heap: what is due first comes out first, in O(log n).
 *
 * Nothing is removed from the middle: the caller checks what comes out against its own truth and drops what is stale.
 * Keys lie in an array of their own, as numbers: an object and a number for each would take 56 bytes more.
 */
export class MinHeap<T> {
  readonly #keys: number[] = [];
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** The smallest key, or Infinity when empty. */
  get first(): number {
    return this.#keys[0] ?? Infinity;
  }

  push(key: number, item: T): void {
    let at = this.#items.push(item) - 1;
    this.#keys.push(key);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#keyAt(parent) <= key) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  pop(): T | undefined {
    if (this.size > 1) this.#swap(0, this.size - 1);
    this.#keys.pop();
    const top = this.#items.pop();
    this.#sink();
    return top;
  }

  /** What came to the top goes down to where it belongs. */
  #sink(): void {
    for (let at = 0; ;) {
      const left = at * 2 + 1;
      const child = this.#keyAt(left + 1) < this.#keyAt(left) ? left + 1 : left;
      if (this.#keyAt(child) >= this.#keyAt(at)) return;
      this.#swap(at, child);
      at = child;
    }
  }

  #keyAt(at: number): number {
    return this.#keys[at] ?? Infinity;
  }

  #swap(a: number, b: number): void {
    swap(this.#keys, a, b);
    swap(this.#items, a, b);
  }
}

/** Both are indexes of the list. */
function swap(list: unknown[], a: number, b: number): void {
  const moved = list[a];
  list[a] = list[b];
  list[b] = moved;
}
