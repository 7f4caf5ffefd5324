/**
 * A worker's time at the queue: says every second that it lives, takes the shards that are its own, and gives up those that
 * are not, one step after another (`assignment.ts`).
 *
 * While it is cut off it does nothing: what it holds may be another's, and what is under way is told to end. When it is back it
 * first asks the streams, shard by shard, what is still its own: who took one meanwhile may have given it up again.
 */
import type { Clock, Timer } from '#lib/run/clock.ts';
import { type Step, stepsOf } from './assignment.ts';
import { BEAT, type Crew } from './crew.ts';
import { decodeHeartbeat, encodeHeartbeat, type Heartbeat } from './heartbeat.ts';
import type { Share } from './share.ts';

/** By which workers hear one another; nothing is kept. */
export interface Wire {
  publish(bytes: Uint8Array): void;
  subscribe(hear: (bytes: Uint8Array) => void): { stop(): void };
}

export interface ShiftOptions {
  readonly name: string;
  readonly shards: number;
  readonly share: Pick<Share, 'held' | 'ready' | 'take' | 'prepare' | 'forget' | 'giveUp' | 'drop' | 'isStillHeld'>;
  readonly crew: Crew;
  readonly wire: Wire;
  readonly clock: Clock;
  /** It is cut off: nothing that is under way should go on. Must not throw. */
  readonly cutOff: () => void;
  /** Told of each step that was made, and of those that failed, which are made again. Must not throw. */
  readonly told: (step: Step | 'ask', shard: number, fault?: unknown) => void;
}

/** Shards that are read from the streams at a time, to be taken or because they may be soon. */
const READ_AT_ONCE = 16;

export class Shift {
  readonly #options: ShiftOptions;
  /** Steps that are being made. */
  readonly #under = new Map<number, Step | 'ask'>();
  #listening: { stop(): void } | undefined;
  #timer: Timer | undefined;
  #wasSure = false;
  #returns = 0;
  /** Held before we were cut off. */
  #unasked = new Set<number>();
  #leaving: PromiseWithResolvers<void> | undefined;

  constructor(options: ShiftOptions) {
    this.#options = options;
  }

  begin(): void {
    this.#listening = this.#options.wire.subscribe((bytes) => this.#hear(bytes));
    this.#beat();
  }

  /**
   * Resolves when everything that was held is given up, and NATS has carried the word of it: who is not told waits until we are
   * dead. Calling it again waits for the same.
   */
  leave(): Promise<void> {
    this.#leaving ??= Promise.withResolvers();
    this.#say();
    this.#turn();
    return this.#leaving.promise;
  }

  /** Says nothing more. */
  close(): void {
    this.#timer?.cancel();
    this.#listening?.stop();
    this.#listening = undefined;
    this.#leaving?.resolve();
  }

  #beat(): void {
    this.#say();
    this.#turn();
    this.#timer = this.#options.clock.after(BEAT, () => this.#beat());
  }

  get #own(): Heartbeat {
    const { name, share } = this.#options;
    return { name, isLeaving: this.#leaving !== undefined, held: share.held, ready: share.ready };
  }

  /** What is read is said to be ready when it could be taken at once. */
  #say(): void {
    const { wire, crew } = this.#options;
    const own = this.#own;
    wire.publish(encodeHeartbeat(crew.knowsAll ? own : { ...own, ready: new Set() }));
  }

  #hear(bytes: Uint8Array): void {
    const beat = decodeHeartbeat(bytes);
    if (!beat) return;
    this.#options.crew.hear(beat);
    if (beat.name !== this.#options.name) return this.#turn();
    if (beat.isLeaving && beat.held.size === 0) this.#leaving?.resolve();
  }

  /** What is held is surely ours. */
  get isSure(): boolean {
    return this.#options.crew.isSure && this.#unasked.size === 0 && this.#returns === this.#options.crew.returns;
  }

  #turn(): void {
    const { crew, cutOff, share } = this.#options;
    if (this.#wasSure && !crew.isSure) cutOff();
    this.#wasSure = crew.isSure;
    if (crew.returns !== this.#returns) this.#unasked = new Set(share.held.keys());
    this.#returns = crew.returns;
    if (crew.isSure) this.#goOn();
  }

  #goOn(): void {
    const { crew, shards } = this.#options;
    for (const shard of this.#unasked) if (!this.#under.has(shard)) void this.#make(shard, 'ask');
    if (this.#unasked.size > 0) return;
    const [others, doubted] = [crew.others(), crew.doubted()];
    const known = { own: this.#own, others, doubted, knowsAll: crew.knowsAll, shards };
    for (const [shard, step] of stepsOf(known)) this.#consider(shard, step);
  }

  /** One that is being given up may turn out to be lost. */
  #consider(shard: number, step: Step): void {
    const under = this.#under.get(shard);
    if (under !== undefined && !(under === 'give up' && step === 'lost')) return;
    const read = [...this.#under.values()].filter((it) => READS.has(it)).length;
    if (!READS.has(step) || read < READ_AT_ONCE) void this.#make(shard, step);
  }

  async #make(shard: number, step: Step | 'ask'): Promise<void> {
    const { told } = this.#options;
    this.#under.set(shard, step);
    let fault: unknown;
    try {
      await this.#carryOut(shard, step);
    } catch (thrown) {
      fault = thrown;
    }
    if (this.#under.get(shard) === step) this.#under.delete(shard);
    if (!QUIETLY.has(step) || fault !== undefined) told(step, shard, fault);
    if (!this.#listening) return;
    this.#say();
    if (fault === undefined) this.#turn();
  }

  async #carryOut(shard: number, step: Step | 'ask'): Promise<void> {
    const { share, told } = this.#options;
    if (step === 'take') return share.take(shard);
    if (step === 'prepare') return share.prepare(shard);
    if (step === 'forget') return share.forget(shard);
    if (step === 'give up') return share.giveUp(shard);
    if (step === 'lost') return share.drop(shard);
    if (!(await share.isStillHeld(shard))) {
      await share.drop(shard);
      told('lost', shard);
    }
    this.#unasked.delete(shard);
  }
}

const READS = new Set<Step | 'ask'>(['take', 'prepare']);
/** Nobody wonders about them when they are made. */
const QUIETLY = new Set<Step | 'ask'>(['ask', 'prepare', 'forget']);
