/**
 * What was declared last, on disk: so that a restart serves on while the API server is away.
 *
 * Whole or not there: written beside and moved into place, every few seconds at most, because thousands of resources are
 * megabytes. Of a status it keeps what decides who may use what. Resources hold no secrets; the file is readable to its
 * owner alone all the same. What is read is judged anew by whoever uses it.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import type { KubeObject } from '#lib/kube/kube.ts';
import { type Clock, type Duration, type Instant, type Timer, seconds } from '#lib/run/clock.ts';
import { codeOf } from '#lib/run/fault.ts';

export interface Snapshot {
  readonly at: Instant;
  readonly objects: readonly KubeObject[];
}

const FORMAT = 1;
/** From one write to the next. A change that a crash keeps out of the file is told by the API server again. */
export const BETWEEN: Duration = seconds(5);

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
  #timer: Timer | undefined;
  #written: Duration = -Infinity;

  constructor(file: string, clock: Clock, failed: (thrown: unknown) => void) {
    this.#file = file;
    this.#clock = clock;
    this.#failed = failed;
  }

  /** At once, or when it is time. A failure is told, and the next change tries again. */
  write(objects: readonly KubeObject[]): void {
    this.#next = objects;
    if (this.#writing || this.#timer) return;
    const left = this.#written + BETWEEN - this.#clock.monotonic();
    if (left > 0) this.#timer = this.#clock.after(left, () => this.#begin());
    else this.#begin();
  }

  /** Writes what waits. Resolves when it is written. */
  async close(): Promise<void> {
    await this.#writing;
    this.#begin();
    await this.#writing;
  }

  #begin(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const objects = this.#next;
    if (!objects) return;
    this.#next = undefined;
    this.#written = this.#clock.monotonic();
    this.#writing = this.#write({ at: this.#clock.now(), objects: objects.map(kept) }).then(() => {
      this.#writing = undefined;
      if (this.#next) this.write(this.#next);
    });
  }

  async #write(snapshot: Snapshot): Promise<void> {
    try {
      await writeFile(`${this.#file}.new`, JSON.stringify({ format: FORMAT, ...snapshot }), { mode: 0o600 });
      await rename(`${this.#file}.new`, this.#file);
    } catch (thrown) {
      this.#failed(thrown);
    }
  }
}

/** What `admitted.ts` and `verdict.ts` read of a status. */
interface Decided {
  readonly pool?: unknown;
  readonly activeSelectors?: unknown;
  readonly members?: readonly { readonly [Field in 'name' | 'state' | 'reason' | 'endpoint']?: unknown }[];
  readonly conditions?: readonly { readonly type?: unknown; readonly status?: unknown; readonly reason?: unknown }[];
}

function kept(object: KubeObject): KubeObject {
  const { apiVersion, kind, metadata, spec } = object;
  const { pool, activeSelectors, members, conditions = [] } = (object['status'] ?? {}) as Decided;
  const said = conditions.map(({ type, status: is, reason }) => ({ type, status: is, reason }));
  const seen = members?.map(({ name, state, reason, endpoint }) => ({ name, state, reason, endpoint }));
  const status = { pool, activeSelectors, members: seen, conditions: said };
  return { apiVersion, kind, metadata, spec, status };
}
