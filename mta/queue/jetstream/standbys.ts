/**
 * Views of shards that others hold, read ahead because this process may soon be the one. In memory alone.
 */
import { codeOf } from '#lib/run/fault.ts';
import { Standby, type StandbyOptions } from './standby.ts';

export class Standbys {
  readonly #options: Omit<StandbyOptions, 'shard'>;
  readonly #read = new Map<number, Standby>();

  constructor(options: Omit<StandbyOptions, 'shard'>) {
    this.#options = options;
  }

  /** Resolves when a shard is read. */
  async prepare(shard: number): Promise<void> {
    if (!this.#read.has(shard)) this.#read.set(shard, await Standby.read({ ...this.#options, shard }));
  }

  /** Harmless when it was not prepared. */
  async forget(shard: number): Promise<void> {
    const standby = this.#read.get(shard);
    this.#read.delete(shard);
    await standby?.close();
  }

  /** Gives away what was read of a shard; reads it now when nothing was, or too long ago. */
  async use<T>(shard: number, take: (standby: Standby) => Promise<T>): Promise<T> {
    const options = { ...this.#options, shard };
    const ahead = this.#read.get(shard);
    this.#read.delete(shard);
    try {
      return await take(ahead ?? (await Standby.read(options)));
    } catch (thrown) {
      if (codeOf(thrown) !== 'standby-late') throw thrown;
      return take(await Standby.read(options));
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#read.keys()].map((it) => this.forget(it)));
  }
}
