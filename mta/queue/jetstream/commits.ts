/**
 * Appends what is put to the log: many messages share one commit, each wholly or not at all.
 *
 * A commit whose answer is lost is asked for again, the same: the server knows the messages' ids. One that is refused for
 * one of its messages is taken apart.
 */
import { type Clock, type Duration, seconds, sleep } from '#lib/run/clock.ts';
import { Fault } from '#lib/run/fault.ts';
import type { Outgoing } from '#lib/nats/connection.ts';
import { type Appended, unknownOf } from '#lib/nats/appended.ts';
import type { Streams } from '#lib/nats/streams.ts';
import { GroupCommit, lastsOf, type Part } from './group-commit.ts';

const AT_ONCE = 4;
/** How long an unknown end is looked into. */
const GIVE_UP_AFTER: Duration = seconds(15);
const ASK_AGAIN_AFTER: Duration = 100;

/** `sequence`: of the last; undefined when it is not known. `moved-on`: its key is taken. */
export type Committed =
  | { readonly kind: 'committed'; readonly sequence: number | undefined }
  | { readonly kind: 'moved-on' };

interface Waiting extends Part {
  /** It may be there already: it was asked for before. */
  isAgain: boolean;
  resolve(committed: Committed): void;
  reject(fault: Fault): void;
}

export class Commits {
  readonly #streams: Pick<Streams, 'appendAll'>;
  readonly #clock: Clock;
  readonly #nextName: () => string;
  readonly #commits = new GroupCommit<Waiting>(AT_ONCE, (batch) => this.#carryOut(batch));

  /** `nextName` names each attempt; `clock` is the machine's. */
  constructor(streams: Pick<Streams, 'appendAll'>, clock: Clock, nextName: () => string) {
    this.#streams = streams;
    this.#clock = clock;
    this.#nextName = nextName;
  }

  /**
   * Resolves when all of them are durable. Faults: `storage-full`; `storage-failed`, when one of the same id is there, and when
   * nobody says within a quarter of a minute what became of it.
   */
  append(messages: readonly Outgoing[]): Promise<Committed> {
    return new Promise((resolve, reject) => this.#commits.add({ messages, isAgain: false, resolve, reject }));
  }

  async #carryOut(batch: readonly Waiting[]): Promise<void> {
    const appended = await this.#ask(batch);
    const [only] = batch;
    if (appended.kind === 'stored') return tell(batch, lastsOf(batch, appended.sequence));
    if (batch.length === 1 && only) return end(only, appended);
    if (appended.kind === 'unknown' || appended.kind === 'full') return batch.forEach((it) => end(it, appended));
    // One of them is refused: each finds out for itself.
    for (const it of batch) await this.#carryOut([it]);
  }

  /** Asks until somebody knows. */
  async #ask(batch: readonly Waiting[]): Promise<Appended> {
    const messages = batch.flatMap((it) => it.messages);
    const until = this.#clock.monotonic() + GIVE_UP_AFTER;
    for (;;) {
      const appended = await this.#streams.appendAll(messages, this.#nextName()).catch(unknownOf);
      if (appended.kind !== 'unknown' || this.#clock.monotonic() >= until) return appended;
      for (const it of batch) it.isAgain = true;
      await sleep(this.#clock, ASK_AGAIN_AFTER);
    }
  }
}

const tell = (batch: readonly Waiting[], lasts: readonly number[]): void =>
  batch.forEach((it, at) => it.resolve({ kind: 'committed', sequence: lasts[at] }));

function end(it: Waiting, appended: Exclude<Appended, { kind: 'stored' }>): void {
  switch (appended.kind) {
    case 'duplicate':
      if (it.isAgain) return it.resolve({ kind: 'committed', sequence: undefined });
      return it.reject(
        new Fault('storage-failed', 'a message of the same id was put before: every message has its own'),
      );
    case 'moved-on':
      return it.resolve({ kind: 'moved-on' });
    case 'full':
      return it.reject(
        new Fault('storage-full', `the queue's stream is full (${appended.reason}): raise its max_bytes`),
      );
    case 'refused':
      return it.reject(new Fault('storage-failed', `NATS refused a message: ${appended.reason}`));
    case 'unknown':
      return it.reject(new Fault('storage-failed', `NATS did not say whether a message is stored: ${appended.reason}`));
  }
}
