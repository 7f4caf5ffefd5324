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
  readonly share: Pick<Share, 'held' | 'take' | 'giveUp' | 'drop' | 'isStillHeld'>;
  readonly crew: Crew;
  readonly wire: Wire;
  readonly clock: Clock;
  /** It is cut off: nothing that is under way should go on. Must not throw. */
  readonly cutOff: () => void;
  /** Told of each step that was made, and of those that failed, which are made again. Must not throw. */
  readonly told: (step: Step | 'ask', shard: number, fault?: unknown) => void;
}

/** Shards that are taken at a time: each is read from the streams. */
const TAKEN_AT_ONCE = 4;

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

  /** Resolves when everything that was held is given up. Calling it again waits for the same. */
  leave(): Promise<void> {
    if (!this.#leaving) {
      this.#leaving = Promise.withResolvers();
      this.#say();
      this.#turn();
    }
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
    return { name, isLeaving: this.#leaving !== undefined, held: share.held };
  }

  #say(): void {
    this.#options.wire.publish(encodeHeartbeat(this.#own));
  }

  #hear(bytes: Uint8Array): void {
    const beat = decodeHeartbeat(bytes);
    if (!beat) return;
    this.#options.crew.hear(beat);
    if (beat.name !== this.#options.name) this.#turn();
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
    if (this.#leaving && this.#under.size === 0 && share.held.size === 0) this.#leaving.resolve();
  }

  #goOn(): void {
    const { crew, shards } = this.#options;
    for (const shard of this.#unasked) if (!this.#under.has(shard)) void this.#make(shard, 'ask');
    if (this.#unasked.size > 0) return;
    for (const [shard, step] of stepsOf({ own: this.#own, others: crew.others(), shards })) this.#consider(shard, step);
  }

  /** One that is being given up may turn out to be lost. */
  #consider(shard: number, step: Step): void {
    const under = this.#under.get(shard);
    if (under !== undefined && !(under === 'give up' && step === 'lost')) return;
    const taken = [...this.#under.values()].filter((it) => it === 'take').length;
    if (step !== 'take' || taken < TAKEN_AT_ONCE) void this.#make(shard, step);
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
    if (step !== 'ask' || fault !== undefined) told(step, shard, fault);
    if (!this.#listening) return;
    this.#say();
    if (fault === undefined) this.#turn();
  }

  async #carryOut(shard: number, step: Step | 'ask'): Promise<void> {
    const { share, told } = this.#options;
    if (step === 'take') return share.take(shard);
    if (step === 'give up') return share.giveUp(shard);
    if (step === 'lost') return share.drop(shard);
    if (!(await share.isStillHeld(shard))) {
      await share.drop(shard);
      told('lost', shard);
    }
    this.#unasked.delete(shard);
  }
}
