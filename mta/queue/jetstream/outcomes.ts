/**
 * Appends what became of mail: records of all shards that this process holds share commits, each shard's wholly or not at all.
 *
 * A commit that is refused because of one of them, whose shard another has taken, is taken apart: the others are not held up by
 * it. Whoever hears that the end is unknown looks for its own record (`done-journal.ts`): it is not asked for again here.
 */
import { type Appended, unknownOf } from '#lib/nats/appended.ts';
import type { Outgoing } from '#lib/nats/connection.ts';
import type { Streams } from '#lib/nats/streams.ts';
import { GroupCommit, lastsOf, type Part } from './group-commit.ts';

const AT_ONCE = 1;

interface Waiting extends Part {
  resolve(appended: Appended): void;
}

export class Outcomes {
  readonly #streams: Pick<Streams, 'appendAll'>;
  readonly #nextName: () => string;
  readonly #commits = new GroupCommit<Waiting>(AT_ONCE, (batch) => this.#carryOut(batch));

  /** `nextName` names each attempt. */
  constructor(streams: Pick<Streams, 'appendAll'>, nextName: () => string) {
    this.#streams = streams;
    this.#nextName = nextName;
  }

  /** How it ended; never rejects. */
  append(messages: readonly Outgoing[]): Promise<Appended> {
    return new Promise((resolve) => this.#commits.add({ messages, resolve }));
  }

  async #carryOut(batch: readonly Waiting[]): Promise<void> {
    const messages = batch.flatMap((it) => it.messages);
    const appended = await this.#streams.appendAll(messages, this.#nextName()).catch(unknownOf);
    if (appended.kind === 'stored') {
      const lasts = lastsOf(batch, appended.sequence);
      return batch.forEach((it, at) => it.resolve({ kind: 'stored', sequence: lasts[at] ?? 0 }));
    }
    if (batch.length === 1 || appended.kind === 'unknown') return batch.forEach((it) => it.resolve(appended));
    await Promise.all(batch.map((it) => this.#carryOut([it])));
  }
}
