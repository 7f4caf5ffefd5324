/**
 * Keeps what parts of sending know over restarts: hands each the notebook it wrote before, and writes down what they note,
 * together, every second in which something was.
 *
 * Nothing waits for it. A kill forgets what was noted in the last second, a clean stop nothing. What cannot be written is
 * written with the next.
 */
import type { Clock, Duration, Timer } from '#lib/run/clock.ts';
import { seconds } from '#lib/run/clock.ts';
import type { Note, Notebook } from '../mail/notebook.ts';
import type { Memory } from '../settle/ledger/memory.ts';

export interface MemoryKeeperOptions {
  readonly memory: Memory;
  readonly clock: Clock;
  /** Told when notes could not be written. Must not throw. */
  readonly troubled: (thrown: unknown) => void;
}

const PACE: Duration = seconds(1);

export class MemoryKeeper {
  readonly #options: MemoryKeeperOptions;
  readonly #known: readonly Note[];
  /** Noted and not yet written, by key. */
  #pending = new Map<string, Note>();
  #timer: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();
  #isStopped = false;

  private constructor(options: MemoryKeeperOptions, known: readonly Note[]) {
    this.#options = options;
    this.#known = known;
  }

  static async open(options: MemoryKeeperOptions): Promise<MemoryKeeper> {
    return new MemoryKeeper(options, await options.memory.read());
  }

  /** The notebook of one owner; `name` is one word. */
  notebook(name: string): Notebook {
    const prefix = `${name} `;
    const own = this.#known.filter((it) => it.key.startsWith(prefix));
    return {
      notes: own.map(({ key, value, until }) => ({ key: key.slice(prefix.length), value, until })),
      write: (key, value, until) => this.#note({ key: prefix + key, value, until }),
      strike: (key) => this.#note({ key: prefix + key, value: null, until: 0 }),
    };
  }

  /** Resolves when everything noted is durable, or cannot be written. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#writing;
    await this.#write();
  }

  #note(note: Note): void {
    this.#pending.set(note.key, note);
    this.#plan();
  }

  #plan(): void {
    if (!this.#isStopped) this.#timer ??= this.#options.clock.after(PACE, () => this.#turn());
  }

  #turn(): void {
    this.#writing = this.#write().then(() => {
      this.#timer = undefined;
      if (this.#pending.size > 0) this.#plan();
    });
  }

  async #write(): Promise<void> {
    const notes = this.#pending;
    if (notes.size === 0) return;
    this.#pending = new Map();
    try {
      await this.#options.memory.write([...notes.values()]);
    } catch (thrown) {
      this.#pending = new Map([...notes, ...this.#pending]);
      this.#options.troubled(thrown);
    }
  }
}
