/**
 * What one run of real processes needs and leaves behind: a temp folder, and the programs started in it.
 *
 * `end` kills what still runs and removes the folder, or keeps it, output files and all, for whoever looks why.
 */
import { mkdtempSync, mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Program, type ProgramOptions } from './program.ts';

export class Stage {
  readonly root = mkdtempSync(join(tmpdir(), 'postfleet-'));
  readonly #programs: Program[] = [];
  readonly #closers: (() => Promise<void>)[] = [];
  #count = 0;

  /** A new empty folder, whose name begins with this. */
  folder(name: string): string {
    const path = join(this.root, `${name}-${(this.#count += 1)}`);
    mkdirSync(path);
    return path;
  }

  start(name: string, command: string, args: readonly string[], options: Partial<ProgramOptions> = {}): Program {
    const unique = `${name}-${(this.#count += 1)}`;
    const program = Program.start(command, args, { name: unique, folder: this.root, ...options });
    this.#programs.push(program);
    return program;
  }

  /** Something to close at the end. */
  adopt<T extends { close(): Promise<void> }>(closeable: T): T {
    this.#closers.push(() => closeable.close());
    return closeable;
  }

  async end(keep: boolean): Promise<void> {
    await Promise.all(this.#programs.map((it) => it.kill()));
    await Promise.all(this.#closers.map((close) => close()));
    if (keep) process.stderr.write(`postfleet: kept ${this.root}\n`);
    else await rm(this.root, { recursive: true, force: true });
  }
}
