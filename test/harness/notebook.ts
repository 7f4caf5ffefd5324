/**
 * A notebook in memory, and what the next process would be given of it.
 */
import type { Note, Notebook } from '#mta/mail/notebook.ts';

export class FakeNotebook implements Notebook {
  readonly notes: readonly Note[];
  readonly #kept: Map<string, Note>;

  constructor(notes: readonly Note[] = []) {
    this.notes = notes;
    this.#kept = new Map(notes.map((it) => [it.key, it]));
  }

  write(key: string, value: unknown, until: number): void {
    this.#kept.set(key, { key, value, until });
  }

  strike(key: string): void {
    this.#kept.delete(key);
  }

  /** As it is read after a restart. */
  reopened(): FakeNotebook {
    return new FakeNotebook(JSON.parse(JSON.stringify([...this.#kept.values()])) as Note[]);
  }

  /** What is noted now, by key. */
  get kept(): Readonly<Record<string, unknown>> {
    return Object.fromEntries([...this.#kept.values()].map((it) => [it.key, it.value]));
  }
}
