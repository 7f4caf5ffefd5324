/**
 * A binary min-heap: what is due first comes out first, in O(log n).
 *
 * Nothing is removed from the middle: the caller checks what comes out against its own truth and drops what is stale.
 */
export class MinHeap<T> {
  readonly #items: { readonly key: number; readonly item: T }[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** The smallest key, or Infinity when empty. */
  get first(): number {
    return this.#items[0]?.key ?? Infinity;
  }

  push(key: number, item: T): void {
    const items = this.#items;
    let at = items.push({ key, item }) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#keyAt(parent) <= this.#keyAt(at)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  pop(): T | undefined {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (top && last && items.length > 0) {
      items[0] = last;
      this.#sink(0);
    }
    return top?.item;
  }

  #sink(from: number): void {
    for (let at = from; ;) {
      const left = at * 2 + 1;
      const child = this.#keyAt(left + 1) < this.#keyAt(left) ? left + 1 : left;
      if (this.#keyAt(child) >= this.#keyAt(at)) return;
      this.#swap(at, child);
      at = child;
    }
  }

  #keyAt(at: number): number {
    return this.#items[at]?.key ?? Infinity;
  }

  #swap(a: number, b: number): void {
    const items = this.#items;
    const [x, y] = [items[a], items[b]];
    if (!x || !y) return;
    items[a] = y;
    items[b] = x;
  }
}
