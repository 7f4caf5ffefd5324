/**
 * What sending remembers, on NATS: a fact for each note, known to every process that starts. The last one written stands,
 * whoever wrote it.
 */
import type { Clock } from '#lib/run/clock.ts';
import type { Note } from '../../../mail/notebook.ts';
import type { Memory } from '../memory.ts';
import type { Fact } from './fact.ts';
import type { Facts, Writing } from './facts.ts';

/** Notes written together. */
const SLICE = 500;
/** Slices under way. */
const AT_ONCE = 4;

export class StreamMemory implements Memory {
  readonly #facts: Facts;
  readonly #view: Pick<Memory, 'read'>;
  readonly #clock: Clock;

  constructor(facts: Facts, view: Pick<Memory, 'read'>, clock: Clock) {
    this.#facts = facts;
    this.#view = view;
    this.#clock = clock;
  }

  async read(): Promise<readonly Note[]> {
    await this.#facts.known();
    return this.#view.read();
  }

  /** When the first slice is written, so are the others: they are tried until they are, or the ledger is closed. */
  async write(notes: readonly Note[]): Promise<void> {
    const now = this.#clock.now();
    const last = new Map(notes.map((it) => [it.key, it]));
    const facts = [...last.values()].map((note): Fact => {
      const { key } = note;
      return note.until > now ? { kind: 'note', key, note } : { kind: 'note', key };
    });
    const [first = [], ...others] = slicesOf(facts);
    if (first.length > 0) await this.#facts.write(first);
    for (let at = 0; at < others.length; at += AT_ONCE)
      await Promise.all(others.slice(at, at + AT_ONCE).map((it) => this.#facts.writeSurely(it)));
  }
}

const slicesOf = (facts: readonly Fact[]): Writing[][] =>
  Array.from({ length: Math.ceil(facts.length / SLICE) }, (_, at) =>
    facts.slice(at * SLICE, (at + 1) * SLICE).map((fact) => ({ fact })),
  );
