/**
 * What was declared last, on disk: so that a restart serves on while the API server is away.
 *
 * Whole or not there: written beside and moved into place. Resources hold no secrets; it is readable to its owner alone all
 * the same. What is read is judged anew by whoever uses it.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import type { Clock, Instant } from '#lib/run/clock.ts';
import { codeOf } from '#lib/run/fault.ts';
import type { KubeObject } from '#lib/kube/kube.ts';

export interface Snapshot {
  readonly at: Instant;
  readonly objects: readonly KubeObject[];
}

const FORMAT = 1;

/** Undefined when there is none, or none that can be read: then the API server is waited for. */
export async function readSnapshot(file: string): Promise<Snapshot | undefined> {
  try {
    const { format, at, objects } = JSON.parse(await readFile(file, 'utf8')) as Partial<Snapshot> & { format?: number };
    return format === FORMAT && typeof at === 'number' && Array.isArray(objects) ? { at, objects } : undefined;
  } catch (thrown) {
    if (thrown instanceof SyntaxError || codeOf(thrown) === 'ENOENT') return undefined;
    throw thrown;
  }
}

/** Keeps the file as it should be, one write at a time; of several that wait only the last is written. */
export class SnapshotWriter {
  readonly #file: string;
  readonly #clock: Clock;
  readonly #failed: (thrown: unknown) => void;
  #next: readonly KubeObject[] | undefined;
  #writing: Promise<void> | undefined;

  constructor(file: string, clock: Clock, failed: (thrown: unknown) => void) {
    this.#file = file;
    this.#clock = clock;
    this.#failed = failed;
  }

  write(objects: readonly KubeObject[]): void {
    this.#next = objects;
    this.#writing ??= this.#writeAll();
  }

  /** Resolves when all that was given is written. */
  async idle(): Promise<void> {
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    while (this.#next) {
      const snapshot: Snapshot & { format: number } = { format: FORMAT, at: this.#clock.now(), objects: this.#next };
      this.#next = undefined;
      try {
        await writeFile(`${this.#file}.new`, JSON.stringify(snapshot), { mode: 0o600 });
        await rename(`${this.#file}.new`, this.#file);
      } catch (thrown) {
        this.#failed(thrown);
      }
    }
    this.#writing = undefined;
  }
}
