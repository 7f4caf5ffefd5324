/**
 * A disk that loses power: mounted where a program keeps its data, cut at any moment, mounted again with what was left.
 *
 * Needs root, as mounting does. What a cut may leave is told in `forgetful/`.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { FORGETFUL } from '../setup/tools.ts';
import type { Program } from './program.ts';
import type { Stage } from './stage.ts';

/** What a cut has forgotten: writes, names of files; `torn` writes reached the disk in part. */
export interface Losses {
  readonly writes: number;
  readonly torn: number;
  readonly entries: number;
}

export class ForgetfulDisk {
  readonly #stage: Stage;
  readonly #folder: string;
  readonly #flags: readonly string[];
  /** Where it is mounted. */
  readonly path: string;
  #program: Program | undefined;
  #asked = 0;

  private constructor(stage: Stage, flags: readonly string[]) {
    this.#stage = stage;
    this.#flags = flags;
    this.#folder = stage.folder('disk');
    this.path = stage.folder('mounted');
  }

  /** Empty and mounted; unmounted with its stage. `flags` as on the command line of `forgetful`. */
  static async mount(stage: Stage, flags: readonly string[] = []): Promise<ForgetfulDisk> {
    const disk = stage.adopt(new ForgetfulDisk(stage, flags));
    await disk.mount();
    return disk;
  }

  /** After a cut: with what it left. */
  async mount(): Promise<void> {
    this.#asked = 0;
    const where = ['-folder', this.#folder, '-mount', this.path];
    this.#program = this.#stage.start('forgetful', FORGETFUL, [...where, ...this.#flags]);
    await this.#program.says(/^mounted$/m);
  }

  /** From the moment this is called nothing more reaches the disk, and nobody is answered. */
  async cut(): Promise<Losses> {
    const program = this.#program;
    if (!program) throw new Error('a disk is cut once it is mounted');
    program.signal('SIGUSR1');
    const { code } = await program.ended;
    if (code !== 0) throw new Error(`forgetful ended with ${code}: ${program.stderr}`);
    await this.#unmount();
    return JSON.parse(program.stdout) as Losses;
  }

  /** How often each thread has called fsync since it was mounted, by the kernel's number of the thread. */
  async syncs(): Promise<ReadonlyMap<number, number>> {
    const program = this.#program;
    if (!program) throw new Error('a disk is asked while it is mounted');
    program.signal('SIGUSR2');
    this.#asked += 1;
    const [, said = ''] = await program.says(new RegExp(`(?:syncs (.*)\\n[^]*?){${this.#asked}}$`));
    return new Map(
      Object.entries(JSON.parse(said) as Record<string, number>).map(([thread, times]) => [Number(thread), times]),
    );
  }

  async close(): Promise<void> {
    if (this.#program) await this.#unmount().catch(() => undefined);
  }

  async #unmount(): Promise<void> {
    this.#program = undefined;
    await promisify(execFile)('umount', ['--lazy', this.path]);
  }
}
