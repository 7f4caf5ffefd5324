/**
 * A real process under test: started, listened to, ended. Its output goes to files, so that it survives a failure.
 *
 * Each program leads a process group of its own, so that a kill reaches what it started and nothing else.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from './until.ts';

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ProgramOptions {
  /** Names its output files. */
  readonly name: string;
  /** Where the output files go. */
  readonly folder: string;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

export class Program {
  readonly #child: ChildProcess;
  readonly #out: string;
  readonly #err: string;
  readonly ended: Promise<Exit>;
  #exit: Exit | undefined;

  private constructor(child: ChildProcess, out: string, err: string) {
    this.#child = child;
    this.#out = out;
    this.#err = err;
    this.ended = new Promise((resolve) => {
      const end = (exit: Exit): void => {
        this.#exit ??= exit;
        resolve(this.#exit);
      };
      child.on('error', () => end({ code: 127, signal: null }));
      child.on('close', (code, signal) => end({ code, signal }));
    });
  }

  static start(command: string, args: readonly string[], options: ProgramOptions): Program {
    const [out, err] = [join(options.folder, `${options.name}.out`), join(options.folder, `${options.name}.err`)];
    const descriptors = [openSync(out, 'a'), openSync(err, 'a')] as const;
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ['ignore', ...descriptors],
      detached: true,
    });
    for (const descriptor of descriptors) closeSync(descriptor);
    return new Program(child, out, err);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The file its standard output goes to. */
  get outFile(): string {
    return this.#out;
  }

  /** How it ended, once it has. */
  get exit(): Exit | undefined {
    return this.#exit;
  }

  get stdout(): string {
    return readFileSync(this.#out, 'utf8');
  }

  get stderr(): string {
    return readFileSync(this.#err, 'utf8');
  }

  /** Waits until standard error holds this. Rejects with all it said when it ended before. */
  async says(pattern: RegExp, limit = 20_000): Promise<RegExpExecArray> {
    return until(
      `${pattern} on standard error`,
      () => {
        const found = pattern.exec(this.stderr);
        if (!found && this.#exit) throw new Error(`ended with ${this.#exit.code}, saying:\n${this.stderr}`);
        return found;
      },
      limit,
    );
  }

  /** To the process alone. */
  signal(name: NodeJS.Signals): void {
    if (!this.#exit) this.#child.kill(name);
  }

  /** SIGTERM, and how it ended. */
  stop(): Promise<Exit> {
    this.signal('SIGTERM');
    return this.ended;
  }

  /** SIGKILL to it and to all it started. */
  kill(): Promise<Exit> {
    if (!this.#exit && this.#child.pid !== undefined) killGroup(this.#child.pid);
    return this.ended;
  }
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // It ended by itself in this moment.
  }
}
