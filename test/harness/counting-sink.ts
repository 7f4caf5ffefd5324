/**
 * The sink of `bench/mailbench` by itself: takes all mail, counts every id, and stands still when told to.
 */
import { open } from 'node:fs/promises';
import { MAILBENCH } from '../setup/tools.ts';
import type { Program } from './program.ts';
import type { Stage } from './stage.ts';
import { until } from './until.ts';

/** What it has counted by `at`, in ms since 1970. */
export interface Counts {
  readonly at: number;
  readonly delivered: number;
  readonly unique: number;
  readonly inDoubt: number;
  readonly unsigned: number;
}

/** How often it says what it has counted. */
const EVERY_MS = 20;
/** More than a line is long. */
const LINE_BYTES = 300;

export class CountingSink {
  readonly #program: Program;

  private constructor(program: Program) {
    this.#program = program;
  }

  /** `flags`: further ones, as on mailbench's command line. */
  static async start(stage: Stage, port: number, flags: readonly string[] = []): Promise<CountingSink> {
    const args = ['-sink', `127.0.0.1:${port}`, '-every', `${EVERY_MS}ms`, ...flags];
    const sink = new CountingSink(stage.start('sink', MAILBENCH, args));
    await sink.counts();
    return sink;
  }

  /** What it has counted now, or as soon as it goes on. */
  counts(): Promise<Counts> {
    const now = Date.now();
    return this.when('what the sink has counted', (it) => it.at > now);
  }

  /** The first count that is as asked, within `limit` ms. */
  async when(what: string, isAsked: (counts: Counts) => boolean, limit = 20_000): Promise<Counts> {
    return until(
      what,
      async () => {
        const last = await this.#last();
        return last && isAsked(last) ? last : undefined;
      },
      limit,
    );
  }

  /** Takes nothing from now on; connections stay open. */
  pause(): void {
    this.#program.signal('SIGSTOP');
  }

  goOn(): void {
    this.#program.signal('SIGCONT');
  }

  /** Nobody takes mail any more. */
  async stop(): Promise<void> {
    await this.#program.stop();
  }

  /** To be called right after the relay was killed: notes what it had just taken, or was about to. */
  noteKill(): void {
    this.#program.signal('SIGUSR1');
  }

  /** The newest whole line. */
  async #last(): Promise<Counts | undefined> {
    const file = await open(this.#program.outFile);
    try {
      const { size } = await file.stat();
      const { buffer, bytesRead } = await file.read(
        Buffer.alloc(LINE_BYTES),
        0,
        LINE_BYTES,
        Math.max(size - LINE_BYTES, 0),
      );
      const lines = buffer.toString('utf8', 0, bytesRead).split('\n');
      const line = lines.at(-2);
      return line?.startsWith('{') ? (JSON.parse(line) as Counts) : undefined;
    } finally {
      await file.close();
    }
  }
}
