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
  /** Who delivered, and under which name. */
  readonly sources: readonly Source[];
  /** Only with `-dkim` or `-dkim-dns`. */
  readonly unsigned?: number;
  /** Only when there was more than one. */
  readonly phases?: readonly PhaseCounts[];
}

/** Messages that are not as they should be where nothing was killed. */
export const wrongIn = ({ lost, duplicates, refused, unknown, unsigned = 0 }: Verdict): number =>
  lost + duplicates + refused + unknown + unsigned;

interface Source {
  readonly ip: string;
  readonly ehlo: string;
  readonly delivered: number;
}

/** What was handed in during a phase, and how often what was first delivered in it came. */
export interface PhaseCounts {
  readonly accepted: number;
  readonly unknown: number;
  readonly refused: number;
  readonly lost: number;
  readonly delivered: number;
  readonly duplicates: number;
  readonly inDoubt: number;
  readonly unsigned: number;
  readonly seconds: number;
}

/** A port of this machine, or `address:port`. */
type Place = number | string;

export interface Load {
  /** Ports of the relay: connections go to each in turn, to another when one does not answer. */
  readonly to: Place | readonly Place[];
  /** Ports the sink listens on; absent: somebody else takes the mail, and only what is accepted counts. */
  readonly sink?: Place | readonly Place[];
  readonly messages: number;
  readonly connections: number;
  /** Further flags, as on its command line. */
  readonly flags?: readonly string[];
}

/** It says here what it says, and is signalled by this. */
export interface Begun {
  readonly program: Program;
  readonly signal: (name: NodeJS.Signals) => void;
}

/** More than a line of `-every` is long. */
const LINE_BYTES = 300;

export class Mailbench {
  readonly program: Program;
  readonly #signal: (name: NodeJS.Signals) => void;

  private constructor({ program, signal }: Begun) {
    this.program = program;
    this.#signal = signal;
  }

  static start(stage: Stage, load: Load): Mailbench {
    return Mailbench.by(load, (args) => {
      const program = stage.start('mailbench', MAILBENCH, args);
      return { program, signal: (name) => program.signal(name) };
    });
  }

  /** Where somebody else starts it. */
  static by(load: Load, begin: (args: readonly string[]) => Begun): Mailbench {
    const where = ['-to', addressesOf(load.to), '-sink', ...sinkOf(load)];
    const much = ['-n', String(load.messages), '-c', String(load.connections)];
    return new Mailbench(begin([...where, ...much, ...(load.flags ?? [])]));
  }

  /** To be called right after the relay was killed: notes what the sink had just taken, or was about to. */
  noteKill(): void {
    this.#signal('SIGUSR1');
  }

  /** From now on counts are those of the next phase. */
  nextPhase(): void {
    this.#signal('SIGHUP');
  }

  /** How much was accepted and has not come, of what it said last; with `-every`. */
  waiting(): number | undefined {
    const last = this.program.stdout.slice(-LINE_BYTES).split('\n').at(-2);
    return last === undefined ? undefined : (JSON.parse(last) as { readonly waiting: number }).waiting;
  }

  /** Hands in nothing more, and goes on counting. */
  enough(): void {
    this.#signal('SIGUSR2');
  }

  /** To be called after `enough`, when the relay holds nothing any more: nothing late can come, nobody waits for it. */
  allHasEnded(): void {
    this.#signal('SIGUSR2');
  }

  /** Resolves when it has counted all it waits for. */
  async verdict(): Promise<Verdict> {
    const { code } = await this.program.ended;
    if (code !== 0) throw new Error(`mailbench ended with ${code}: ${this.program.stderr}`);
    return JSON.parse(this.program.stdout.trimEnd().split('\n').at(-1) ?? '') as Verdict;
  }
}

function sinkOf({ sink }: Load): readonly string[] {
  if (sink === undefined) return ['none', '-wait', '0s', '-linger', '0s'];
  return [addressesOf(sink)];
}

const addressesOf = (places: Place | readonly Place[]): string =>
  [places]
    .flat()
    .map((it) => (typeof it === 'number' ? `127.0.0.1:${it}` : it))
    .join(',');
