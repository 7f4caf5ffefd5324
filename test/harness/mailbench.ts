/**
 * The load source and counting sink of `bench/mailbench`, which judges from outside: every id is counted.
 */
import type { Program } from './program.ts';
import { MAILBENCH } from '../setup/tools.ts';
import type { Stage } from './stage.ts';

/** What it prints; see `bench/mailbench/README.md`. */
export interface Verdict {
  readonly accepted: number;
  readonly unknown: number;
  readonly unknownDelivered: number;
  readonly refused: number;
  readonly bounced: number;
  readonly delivered: number;
  readonly unique: number;
  readonly lost: number;
  readonly duplicates: number;
  readonly inDoubt: number;
  readonly acceptPerSecond: number;
  readonly deliverPerSecond: number;
  readonly p50ms: number;
  readonly p95ms: number;
  readonly p99ms: number;
  /** How many addresses deliveries came from. */
  readonly sourceIPs: number;
  /** Only with `-dkim`. */
  readonly unsigned?: number;
}

export interface Load {
  /** Ports of the relay: connections go to each in turn, to another when one does not answer. */
  readonly to: number | readonly number[];
  /** Ports the sink listens on; absent: somebody else takes the mail, and only what is accepted counts. */
  readonly sink?: number | readonly number[];
  readonly messages: number;
  readonly connections: number;
  /** Further flags, as on its command line. */
  readonly flags?: readonly string[];
}

export class Mailbench {
  readonly program: Program;

  private constructor(program: Program) {
    this.program = program;
  }

  static start(stage: Stage, load: Load): Mailbench {
    const where = ['-to', addressesOf(load.to), '-sink', ...sinkOf(load)];
    const much = ['-n', String(load.messages), '-c', String(load.connections)];
    return new Mailbench(stage.start('mailbench', MAILBENCH, [...where, ...much, ...(load.flags ?? [])]));
  }

  /** To be called right after the relay was killed: notes what the sink had just taken, or was about to. */
  noteKill(): void {
    this.program.signal('SIGUSR1');
  }

  /** Hands in nothing more, and goes on counting. */
  enough(): void {
    this.program.signal('SIGUSR2');
  }

  /** To be called after `enough`, when the relay holds nothing any more: nothing late can come, nobody waits for it. */
  allHasEnded(): void {
    this.program.signal('SIGUSR2');
  }

  /** Resolves when it has counted all it waits for. */
  async verdict(): Promise<Verdict> {
    const { code } = await this.program.ended;
    if (code !== 0) throw new Error(`mailbench ended with ${code}: ${this.program.stderr}`);
    return JSON.parse(this.program.stdout) as Verdict;
  }
}

function sinkOf({ sink }: Load): readonly string[] {
  if (sink === undefined) return ['none', '-wait', '0s', '-linger', '0s'];
  return [addressesOf(sink)];
}

const addressesOf = (ports: number | readonly number[]): string =>
  [ports]
    .flat()
    .map((it) => `127.0.0.1:${it}`)
    .join(',');
