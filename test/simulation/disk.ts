/**
 * A disk that is simulated: a real SQLite connection in memory that outlives the processes that use it.
 *
 * Each process has a thread of its own to it, as in production, but requests are carried out and answered when the simulated
 * clock says so. What a process asked for and was not carried out when it died is lost; what was carried out is kept,
 * answered or not. The disk can be full, and it can fail.
 */
import { EventEmitter } from 'node:events';
import type { Timer } from '#lib/run/clock.ts';
import type { FakeClock } from '#lib/run/fake-clock.ts';
import { Connection, problemOf } from '#lib/sqlite/connection.ts';
import type { Thread } from '#lib/sqlite/database.ts';
import { Unpacker } from '#lib/sqlite/packing.ts';
import type { Request, Response, Row, SqlProblem, SqlValue } from '#lib/sqlite/protocol.ts';
import { MIGRATIONS } from '#mta/roles/data-folder.ts';
import type { Chance } from './chance.ts';
import type { Trace } from './trace.ts';

/** `full`: nothing can be written. `failing`: nothing can be read either. `flaky`: some of both. */
export type DiskTrouble = 'none' | 'full' | 'failing' | 'flaky';

const FULL: SqlProblem = { code: 13, message: 'database or disk is full' };
const BROKEN: SqlProblem = { code: 10, message: 'disk I/O error' };

export interface DiskSurroundings {
  readonly clock: FakeClock;
  readonly chance: Chance;
  readonly trace: Trace;
}

export class Disk {
  trouble: DiskTrouble = 'none';
  /** Monotonic: when it was last in trouble. */
  troubledAt = -Infinity;
  readonly connection = new Connection({ path: ':memory:', migrations: MIGRATIONS });
  readonly #around: DiskSurroundings;
  /** What a commit takes, in milliseconds at most. */
  readonly #slowness: number;

  constructor(around: DiskSurroundings) {
    this.#around = around;
    this.#slowness = around.chance.pick([2, 10, 40]);
  }

  /** A thread for a process that begins. */
  attach(): DiskThread {
    return new DiskThread(this, this.#around, this.#slowness);
  }

  /** The truth, for whoever judges. */
  ask(sql: string, ...params: SqlValue[]): Row[] {
    return this.connection.read({ sql, params });
  }

  fall(trouble: DiskTrouble): void {
    this.mark();
    this.trouble = trouble;
  }

  /** What is wrong with the next piece of work. */
  problem(isRead: boolean): SqlProblem | undefined {
    if (this.trouble === 'none') return undefined;
    this.mark();
    if (this.trouble === 'full') return isRead ? undefined : FULL;
    return this.trouble === 'failing' || this.#around.chance.is(0.3) ? BROKEN : undefined;
  }

  mark(): void {
    if (this.trouble !== 'none') this.troubledAt = this.#around.clock.monotonic();
  }
}

/** Carries requests out one after the other. */
export class DiskThread extends EventEmitter implements Thread {
  readonly #disk: Disk;
  readonly #around: DiskSurroundings;
  readonly #slowness: number;
  readonly #unpacker = new Unpacker();
  readonly #requests: Request[] = [];
  readonly #timers = new Set<Timer>();
  #isAtWork = false;
  #isCut = false;

  constructor(disk: Disk, around: DiskSurroundings, slowness: number) {
    super();
    this.#disk = disk;
    this.#around = around;
    this.#slowness = slowness;
    this.#after(0.1, () => this.emit('message', { kind: 'opened' } satisfies Response));
  }

  postMessage(request: Request): void {
    if (this.#isCut) return;
    this.#requests.push(request);
    this.#goOn();
  }

  /** Nothing is asked for or on its way. */
  get isIdle(): boolean {
    return this.#timers.size === 0 && this.#requests.length === 0;
  }

  /** The process is dead, or the thread is: nothing more is carried out or answered. */
  cut(): void {
    this.#isCut = true;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  #goOn(): void {
    const request = this.#isAtWork ? undefined : this.#requests.shift();
    if (!request) return;
    this.#isAtWork = true;
    const { chance } = this.#around;
    const takes = request.kind === 'write' ? chance.random.fraction() * this.#slowness : 0.2;
    this.#after(takes, () => {
      const response = this.#carryOut(request);
      this.#isAtWork = false;
      if (request.kind === 'write') this.#after(chance.random.fraction(), () => this.#answer(response));
      else this.#answer(response);
      this.#goOn();
    });
  }

  #answer(response: Response): void {
    this.emit('message', response);
    if (response.kind === 'closed') this.emit('exit');
  }

  #carryOut(request: Request): Response {
    if (request.kind === 'close') return { kind: 'closed' };
    return request.kind === 'write' ? this.#write(request) : this.#read(request);
  }

  #write({ packed }: Request & { readonly kind: 'write' }): Response {
    const units = this.#unpacker.unpack(packed);
    this.#around.trace.note(`commit of ${units.length}`);
    const ends = units.map((unit) => {
      const problem = this.#disk.problem(false);
      return problem ? { problem } : this.#disk.connection.write([unit])[0];
    });
    return { kind: 'written', ends };
  }

  #read({ id, query }: Request & { readonly kind: 'read' }): Response {
    const problem = this.#disk.problem(true);
    if (problem) return { kind: 'rows', id, rows: [], problem };
    try {
      return { kind: 'rows', id, rows: this.#disk.connection.read(query) };
    } catch (thrown) {
      return { kind: 'rows', id, rows: [], problem: problemOf(thrown) };
    }
  }

  #after(delay: number, act: () => void): void {
    const timer = this.#around.clock.after(delay, () => {
      this.#timers.delete(timer);
      act();
    });
    this.#timers.add(timer);
  }
}
