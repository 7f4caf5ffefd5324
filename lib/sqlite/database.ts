/**
 * A SQLite file behind a thread, with group commit.
 *
 * `write` resolves when its statements are durable. Writes that arrive while a commit runs share the next one, so the
 * number of fsyncs follows the disk and not the number of callers. What the tables mean is the callers' business.
 */
import { Worker } from 'node:worker_threads';
import type { Clock, Duration } from '../run/clock.ts';
import { Fault } from '../run/fault.ts';
import { metrics } from '../run/metrics.ts';
import { Packer } from './packing.ts';
import type { OpenOptions, Request, Response, Row, SqlProblem, SqlValue, Statement, Undone, Unit } from './protocol.ts';

interface Waiting<T> {
  resolve(value: T): void;
  reject(fault: Fault): void;
}

/** Work that was asked for and has not ended: the row it answers is the one that kept it from being carried out. */
interface Asked extends Waiting<Row | undefined> {
  readonly unit: Unit;
}

/**
 * Commits follow each other no closer than this. Under load each then covers more units, which halves what a message
 * costs (measured: 94 µs at six units a commit, 62 at twenty); a write into silence does not wait.
 */
const COMMIT_PACE: Duration = 2;

/** SQLite result codes that callers tell apart (sqlite.org/rescode.html). */
const BUSY = 5;
const FULL = 13;

/** What carries requests out, somewhere else: `exit` is its end, `error` that it failed. */
export interface Thread {
  postMessage(request: Request, transfer: readonly ArrayBuffer[]): void;
  on(event: 'message', hear: (response: Response) => void): unknown;
  on(event: 'error', hear: (cause: unknown) => void): unknown;
  on(event: 'exit', hear: () => void): unknown;
}

/** Megabytes for what dies young in the thread: rows on their way. As much as the main thread's would be memory for nothing. */
const THREAD_YOUNG = 24;

const startThread = (options: OpenOptions): Thread => {
  const resourceLimits = { maxYoungGenerationSizeMb: THREAD_YOUNG };
  return new Worker(new URL('./thread.ts', import.meta.url), { workerData: options, resourceLimits });
};

export class Database {
  readonly #thread: Thread;
  readonly #clock: Clock;
  #isPlanned = false;
  #lastCommit: Duration = -Infinity;
  #gathering: Asked[] = [];
  #committing: Asked[] = [];
  readonly #packer = new Packer();
  readonly #reading = new Map<number, Waiting<readonly Row[]>>();
  #nextRead = 0;
  #closing: (() => void) | undefined;
  #broken: Fault | undefined;
  #tellOpened: (problem: SqlProblem | undefined) => void = () => {};
  readonly #opened = new Promise<SqlProblem | undefined>((resolve) => {
    this.#tellOpened = resolve;
  });
  #tellBroken: (fault: Fault) => void = () => {};

  private constructor(thread: Thread, clock: Clock) {
    this.#thread = thread;
    this.#clock = clock;
    thread.on('message', (response) => this.#hear(response));
    thread.on('error', (cause) => this.#break(new Fault('storage-failed', 'the database thread failed', { cause })));
    thread.on('exit', () => this.#ended());
  }

  /** Faults: `data-locked` when another process has the file open, `storage-failed` otherwise. */
  static async open(options: OpenOptions, clock: Clock, start = startThread): Promise<Database> {
    const database = new Database(start(options), clock);
    const problem = await Promise.race([database.#opened, database.broken]);
    if (problem instanceof Fault) throw problem;
    if (problem) throw faultOf(problem, options.path);
    return database;
  }

  /**
   * Bytes may not change before it is settled. Faults: `storage-full`, `storage-failed`; then none of the statements took
   * effect.
   */
  async write(statements: readonly Statement[]): Promise<void> {
    await this.#gather({ statements });
  }

  /** The first row of `unless`, asked in the same transaction: then nothing was written. Otherwise as `write`. */
  writeUnless(unless: Statement, statements: readonly Statement[]): Promise<Row | undefined> {
    return this.#gather({ unless, statements });
  }

  /** Sees every write that had resolved before it was called. */
  read(sql: string, params: readonly SqlValue[] = []): Promise<readonly Row[]> {
    return new Promise((resolve, reject) => {
      if (this.#broken) return reject(this.#broken);
      const id = (this.#nextRead += 1);
      this.#reading.set(id, { resolve, reject });
      this.#send({ kind: 'read', id, query: { sql, params } });
    });
  }

  /** Resolves, if ever, when the thread has failed: nothing can be written any more. */
  readonly broken: Promise<Fault> = new Promise((resolve) => {
    this.#tellBroken = resolve;
  });

  /** Resolves when everything asked for before is durable and the file is closed, or when that is past hope. */
  async close(): Promise<void> {
    if (this.#broken) return;
    // What cannot be written was told to whoever asked for it.
    while (!this.#broken && (this.#gathering.length > 0 || this.#committing.length > 0))
      await this.write([]).catch(() => undefined);
    await new Promise<void>((resolve) => {
      this.#closing = resolve;
      this.#send({ kind: 'close' });
    });
  }

  #gather(unit: Unit): Promise<Row | undefined> {
    return new Promise((resolve, reject) => {
      if (this.#broken) return reject(this.#broken);
      this.#gathering.push({ unit, resolve, reject });
      this.#commitSoon();
    });
  }

  /** At the end of this turn of the event loop, or when the pace allows. */
  #commitSoon(): void {
    if (this.#isPlanned || this.#committing.length > 0 || this.#gathering.length === 0) return;
    this.#isPlanned = true;
    const wait = this.#lastCommit + COMMIT_PACE - this.#clock.monotonic();
    if (wait > 0) this.#clock.after(wait, () => this.#commit());
    else queueMicrotask(() => this.#commit());
  }

  #commit(): void {
    this.#isPlanned = false;
    this.#lastCommit = this.#clock.monotonic();
    this.#committing = this.#gathering;
    this.#gathering = [];
    const packed = this.#packer.pack(this.#committing.map((it) => it.unit));
    this.#send({ kind: 'write', packed }, [packed.bytes.buffer]);
  }

  #send(request: Request, transfer: ArrayBuffer[] = []): void {
    this.#thread.postMessage(request, transfer);
  }

  #hear(response: Response): void {
    if (response.kind === 'opened') this.#tellOpened(response.problem);
    if (response.kind === 'written') this.#written(response.ends);
    if (response.kind === 'rows') {
      const waiting = this.#reading.get(response.id);
      this.#reading.delete(response.id);
      if (response.problem) waiting?.reject(faultOf(response.problem));
      else waiting?.resolve(response.rows);
    }
  }

  #written(ends: readonly (Undone | undefined)[]): void {
    metrics.commitSeconds.observe((this.#clock.monotonic() - this.#lastCommit) / 1000);
    const committed = this.#committing;
    this.#committing = [];
    this.#commitSoon();
    for (const [at, asked] of committed.entries()) {
      const undone = ends[at];
      if (undone && 'problem' in undone) asked.reject(faultOf(undone.problem));
      else asked.resolve(undone?.found);
    }
  }

  #ended(): void {
    if (this.#closing) return this.#break(new Fault('storage-closed', 'the database is closed'));
    this.#break(new Fault('storage-failed', 'the database thread ended by itself'));
  }

  #break(fault: Fault): void {
    if (this.#broken) return;
    this.#broken = fault;
    if (this.#closing) this.#closing();
    else this.#tellBroken(fault);
    for (const asked of [...this.#committing, ...this.#gathering]) asked.reject(fault);
    for (const waiting of this.#reading.values()) waiting.reject(fault);
    this.#committing = [];
    this.#gathering = [];
    this.#reading.clear();
  }
}

function faultOf(problem: SqlProblem, path = 'the database'): Fault {
  const cause = new Error(problem.message);
  if (problem.code === BUSY) {
    return new Fault(
      'data-locked',
      `${path} is in use by another process: stop it, or name another folder with --data`,
      {
        cause,
      },
    );
  }
  if (problem.code === FULL) return new Fault('storage-full', `no space left for ${path}: free some`, { cause });
  return new Fault('storage-failed', `${path}: ${problem.message}`, { cause });
}
