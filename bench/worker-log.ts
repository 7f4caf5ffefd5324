/**
 * What a worker of a cluster says of itself on its standard output: which shards it holds, and when it delivered mail of each.
 *
 * Read as it grows, each line once: a long measurement reads no file twice.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { shardOf } from '../mta/queue/jetstream/layout.ts';
import type { Role } from '../test/harness/cluster.ts';

interface Line {
  readonly step?: string;
  readonly shard?: number;
  readonly event?: { readonly type: string; readonly at: number; readonly recipient: string };
}

const CHUNK = 1 << 20;

export class WorkerLog {
  readonly worker: Role;
  readonly held = new Set<number>();
  /** Shards that turned out to be another's. */
  losses = 0;
  readonly #shards: number;
  /** By shard: when mail of it was delivered last before, and first after, the moment that is asked about. */
  readonly #first = new Map<number, number>();
  #since = Infinity;
  #offset = 0;
  #rest = '';

  constructor(worker: Role, shards: number) {
    this.worker = worker;
    this.#shards = shards;
  }

  /** From now on `firstOf` is about what was delivered after a moment. */
  ask(since: number): void {
    this.#since = since;
    this.#first.clear();
  }

  /** When mail of a shard was first delivered after the moment that is asked about. */
  firstOf(shard: number): number {
    return this.#first.get(shard) ?? Infinity;
  }

  /** Reads what was written since. */
  read(): void {
    const file = openSync(this.worker.program.outFile, 'r');
    const chunk = Buffer.alloc(CHUNK);
    for (let length = -1; length !== 0;) {
      length = readSync(file, chunk, 0, CHUNK, this.#offset);
      this.#offset += length;
      const lines = (this.#rest + chunk.toString('latin1', 0, length)).split('\n');
      this.#rest = lines.pop() ?? '';
      for (const line of lines) this.#take(JSON.parse(line) as Line);
    }
    closeSync(file);
  }

  #take({ step, shard = -1, event }: Line): void {
    if (step === 'take') this.held.add(shard);
    if (step === 'give up' || step === 'lost') this.held.delete(shard);
    if (step === 'lost') this.losses += 1;
    if (event?.type !== 'delivered' || event.at < this.#since) return;
    const of = shardOf(event.recipient.replace(/.*@/, ''), this.#shards);
    if (!this.#first.has(of)) this.#first.set(of, event.at);
  }
}
