/**
 * Logs: JSON lines on a file descriptor, a constant message with fields. The only file that imports pino.
 *
 * Lines are gathered and written together, at the latest after half a second; errors at once. Text a peer sent is one
 * JSON string and can neither end a line nor begin one. Never holds a secret: callers pass what may be read. A log that
 * cannot be written never holds up or ends the process: lines are dropped, and counted in the next one that is written.
 */
import { write } from 'node:fs';
import { pino } from 'pino';
import type { Clock, Timer } from './clock.ts';
import { metrics } from './metrics.ts';

export type Fields = Readonly<Record<string, unknown>>;

export interface Log {
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
  /** Resolves when what was gathered is written, or cannot be within two seconds. */
  flush(): Promise<void>;
}

const GATHER_MS = 500;
const LONGEST_FLUSH_MS = 2000;
const GATHER_CHARACTERS = 16 * 1024;
/** What waits for a slow reader at most; beyond it lines are dropped. */
const WAITING_CHARACTERS = 16 * 1024 * 1024;

/** A log on a file descriptor; 1 is standard output. */
export function openLog(descriptor: number, clock: Clock): Log {
  const lines = new Lines(descriptor, clock);
  const formatters = { level: (level: string) => ({ level }) };
  const logger = pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters }, lines);
  return {
    info: (message, fields = {}) => logger.info(fields, message),
    warn: (message, fields = {}) => logger.warn(fields, message),
    error: (message, fields = {}) => {
      logger.error(fields, message);
      lines.start();
    },
    flush: () => lines.flush(),
  };
}

/** Gathers lines and writes them one batch at a time. */
class Lines {
  readonly #descriptor: number;
  readonly #clock: Clock;
  #gathered = '';
  #isWriting = false;
  #dropped = 0;
  readonly #waiting: (() => void)[] = [];
  #timer: Timer | undefined;

  constructor(descriptor: number, clock: Clock) {
    this.#descriptor = descriptor;
    this.#clock = clock;
  }

  write(line: string): void {
    if (this.#gathered.length > WAITING_CHARACTERS) this.#drop(1);
    else this.#gathered += line;
    if (this.#gathered.length >= GATHER_CHARACTERS) this.start();
    else this.#timer ??= this.#clock.after(GATHER_MS, () => this.start());
  }

  /** Begins to write what was gathered, unless a batch is on its way. */
  start(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#isWriting || this.#gathered === '') return;
    this.#isWriting = true;
    this.#writeOut(Buffer.from(this.#take()), 0);
  }

  async flush(): Promise<void> {
    const tooLong = new Promise<void>((resolve) => this.#clock.after(LONGEST_FLUSH_MS, resolve));
    await Promise.race([this.#written(), tooLong]);
  }

  /** Resolves when nothing is gathered and nothing on its way. */
  async #written(): Promise<void> {
    this.start();
    if (this.#isWriting) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (this.#gathered !== '') await this.#written();
  }

  #drop(lines: number): void {
    this.#dropped += lines;
    metrics.logLinesLost.inc(lines);
  }

  #take(): string {
    const lost = this.#dropped > 0 ? `{"level":"error","dropped":${this.#dropped},"msg":"log lines were lost"}\n` : '';
    const batch = lost + this.#gathered;
    this.#gathered = '';
    this.#dropped = 0;
    return batch;
  }

  #writeOut(batch: Buffer, from: number): void {
    write(this.#descriptor, batch, from, batch.length - from, null, (error, written) => {
      if (!error && from + written < batch.length) return this.#writeOut(batch, from + written);
      if (error) this.#drop(linesIn(batch, from));
      this.#isWriting = false;
      for (const resume of this.#waiting.splice(0)) resume();
      if (this.#gathered.length >= GATHER_CHARACTERS) this.start();
    });
  }
}

function linesIn(batch: Buffer, from: number): number {
  let count = 0;
  for (let at = batch.indexOf(10, from); at >= 0; at = batch.indexOf(10, at + 1)) count += 1;
  return count;
}
