/**
 * What is leased of each shard, so that one can be given up when nothing is. In memory alone.
 */
import type { Lease } from '../queue.ts';

export class Leased {
  /** Leases, and what is about to be leased. */
  readonly #open = new Map<number, Set<unknown>>();
  readonly #waiting = new Map<number, (() => void)[]>();

  /** Something is about to be leased; to be ended by what it answers. */
  begin(shard: number): () => void {
    const coming = {};
    this.#of(shard).add(coming);
    return () => this.#close(shard, coming);
  }

  add(shard: number, leases: readonly Lease[]): void {
    for (const { id } of leases) this.#of(shard).add(id);
  }

  end(shard: number, { id }: Lease): void {
    this.#close(shard, id);
  }

  /** Whatever was leased of it is void. */
  forget(shard: number): void {
    this.#open.delete(shard);
    this.#tell(shard);
  }

  /** Resolves when nothing of a shard is leased. */
  none(shard: number): Promise<void> {
    if (!this.#open.get(shard)?.size) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.set(shard, [...(this.#waiting.get(shard) ?? []), resolve]));
  }

  #of(shard: number): Set<unknown> {
    const open = this.#open.get(shard) ?? new Set();
    this.#open.set(shard, open);
    return open;
  }

  #close(shard: number, one: unknown): void {
    const open = this.#open.get(shard);
    open?.delete(one);
    if (open?.size === 0) this.#tell(shard);
  }

  #tell(shard: number): void {
    const waiting = this.#waiting.get(shard);
    this.#waiting.delete(shard);
    for (const resolve of waiting ?? []) resolve();
  }
}
