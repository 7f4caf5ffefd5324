/**
 * What one holder has at hand of a rate that is shared: turns taken ahead, and its share while nobody can be asked.
 * Pure but for its own state; times are of one monotonic clock.
 *
 * A turn may be used from its time on and for `hold`, then it goes back: at most the pace of a slow rate, so that a window
 * as long as the rate's own never holds more than `count` and the burst, whoever used the turns. A fast rate is taken
 * in blocks of what was used lately, so that the next is there before the last is used up.
 *
 * The share: half of the rate, divided by those who used it lately, or by all holders for one who did not. Nobody
 * begins with a turn at once, and each begins at another time: together they never go faster than the rate.
 */
import { type Duration, milliseconds, seconds } from '#lib/run/clock.ts';
import { aheadOf, giveBack, NEVER_USED, paceOf, type Rate, take, type UsedUntil } from '../../mail/gcra.ts';
import type { Grant } from './limits.ts';

/** Consecutive turns: the first at `start`, one each `pace`; `next` is the first that was not used. */
interface Block {
  readonly start: Duration;
  readonly arrived: Duration;
  readonly pace: Duration;
  readonly count: number;
  next: number;
}

/** What the server said of a question. */
export interface Answer {
  readonly granted: number;
  /** Until the first of them. */
  readonly startsIn: Duration;
  /** Until it is worth asking for more. */
  readonly againIn: Duration;
  readonly holders: number;
  readonly place: number;
  /** Until everything granted is used up. */
  readonly usedIn: Duration;
}

/** Turns to give back. */
export interface Unused {
  readonly pace: Duration;
  readonly count: number;
  readonly age: Duration;
}

/** `since`: when Redis went away; `holders`: how many lived then. */
export interface Away {
  readonly since: Duration;
  readonly holders: number;
}

/** How far in the future a turn may be that is taken. */
export const LOOK: Duration = milliseconds(100);
/** Who asked within this is one of those a rate is shared by. */
export const RECENT: Duration = seconds(60);
/** What is worth waiting for an answer that is on its way. */
export const SOON: Duration = milliseconds(4);

/** Blocks last about as long. */
const BLOCK: Duration = milliseconds(150);
/** Turns are taken ahead by more than this, so that several at a time cost nothing. */
const GATHER: Duration = LOOK / 2;
const HOLD_FAST: Duration = milliseconds(500);
const HOLD_SLOW: Duration = seconds(1);
const FAST: Duration = milliseconds(100);
/** Part of the limit that all holders use together while Redis is away. */
const SHARE = 0.5;
/** After a question without an answer. */
const AGAIN: Duration = milliseconds(100);
const ROUNDING = 1e-6;

export class SharedRate {
  readonly #blocks: Block[] = [];
  #askedAt: Duration;
  #isAsking = false;
  #again: Duration;
  #usedSince = 0;
  #touched: Duration;
  #answered: Duration = -Infinity;
  /** Of everybody, when the server answered. */
  #used: UsedUntil = NEVER_USED;
  #holders = 1;
  #place = 0;
  #share: UsedUntil | undefined;

  constructor(now: Duration) {
    this.#askedAt = now;
    this.#again = now;
    this.#touched = now;
  }

  /** How many may go now. */
  room(rate: Rate, max: number, now: Duration, away: Away | undefined): Grant {
    this.#touched = now;
    const ready = Math.min(this.#ready(now), max);
    if (ready === max) return { granted: max, wait: 0 };
    if (!away) return { granted: ready, wait: this.#wait(now) };
    const { granted, again } = take(this.#shareUsed(rate, away), this.#shareOf(rate, away), max - ready, now);
    return { granted: ready + granted, wait: Math.max(again - now, 1) };
  }

  /** How many might go now: what is at hand, and what the server had left. */
  look(rate: Rate, max: number, now: Duration): number {
    return Math.min(this.#ready(now) + take(this.#used, rate, max, now).granted, max);
  }

  /** Not more than there is room for. */
  use(rate: Rate, count: number, now: Duration, away: Away | undefined): void {
    let left = count;
    this.#usedSince += count;
    for (const block of this.#blocks) {
      const used = Math.min(usable(block, now), left);
      block.next += used;
      left -= used;
    }
    if (left === 0 || !away) return;
    this.#share = take(this.#shareUsed(rate, away), this.#shareOf(rate, away), left, now).usedUntil;
  }

  giveBack(rate: Rate, count: number, now: Duration, away: Away | undefined): void {
    let left = count;
    this.#usedSince = Math.max(this.#usedSince - count, 0);
    for (const block of this.#blocks.toReversed()) {
      const back = Math.min(block.next, left);
      block.next -= back;
      left -= back;
    }
    if (away && left > 0) this.#share = giveBack(this.#shareUsed(rate, away), this.#shareOf(rate, away), left);
    else this.#touched = now;
  }

  /** How many to ask the server for, after `granted` of `asked`; 0 when it is not worth it. Counts as asked. */
  question(rate: Rate, asked: number, granted: number, now: Duration): number {
    if (this.#isAsking || now < this.#again) return 0;
    const pace = paceOf(rate);
    const pacePerBlock = (this.#usedSince * BLOCK) / Math.max(now - this.#askedAt, SOON);
    const ahead = Math.floor(Math.min(pacePerBlock * 1.5, BLOCK / pace));
    const left = this.#atHand(now);
    const need = granted < asked ? Math.max(asked - granted, ahead) : ahead;
    if (granted === asked ? left >= need / 2 : left >= need) return 0;
    this.#isAsking = true;
    this.#askedAt = now;
    this.#usedSince = 0;
    return need - left;
  }

  /** What the server said; without an answer nothing was taken, as far as is known. */
  answered(rate: Rate, asked: number, answer: Answer | undefined, now: Duration): void {
    this.#isAsking = false;
    if (!answer) {
      this.#again = now + AGAIN;
      return;
    }
    const { granted, startsIn, againIn, holders, place, usedIn } = answer;
    this.#answered = now;
    this.#used = now + usedIn;
    this.#share = undefined;
    [this.#holders, this.#place] = [holders, place];
    const gather = Math.min((asked - granted - 1) * paceOf(rate), GATHER);
    this.#again = granted < asked ? now + againIn + gather : now;
    if (granted > 0)
      this.#blocks.push({ start: now + startsIn, arrived: now, pace: paceOf(rate), count: granted, next: 0 });
  }

  /** Lets go of what was held long enough; `all`: of everything. */
  expire(now: Duration, all = false): readonly Unused[] {
    const unused: Unused[] = [];
    for (const block of this.#blocks) {
      const count = all ? block.count - block.next : expired(block, now);
      if (count <= 0) continue;
      const { pace, next } = block;
      unused.push({ pace, count, age: Math.max(now - usableAt(block, next), 0) });
      block.next += count;
    }
    const rest = this.#blocks.filter((it) => now <= usableAt(it, it.count - 1) + holdOf(it.pace));
    this.#blocks.splice(0, this.#blocks.length, ...rest);
    return unused.filter(({ pace, count, age }) => count * pace > age);
  }

  get hasBlocks(): boolean {
    return this.#blocks.length > 0;
  }

  /** It goes at its share now. */
  get isShared(): boolean {
    return this.#share !== undefined;
  }

  isForgettable(now: Duration): boolean {
    return !this.#isAsking && !this.hasBlocks && now - this.#touched > RECENT;
  }

  #wait(now: Duration): Duration {
    for (const block of this.#blocks) {
      const next = Math.max(come(block, now), block.next);
      if (next < block.count) return Math.max(usableAt(block, next) - now, 1);
    }
    // The longer it takes, the rarer it is worth looking.
    if (this.#isAsking) return Math.max(SOON, now - this.#askedAt);
    return Math.max(this.#again - now, SOON);
  }

  #ready(now: Duration): number {
    return this.#blocks.reduce((sum, it) => sum + usable(it, now), 0);
  }

  #atHand(now: Duration): number {
    return this.#blocks.reduce((sum, it) => sum + Math.max(it.count - it.next - expired(it, now), 0), 0);
  }

  #isSharer({ since }: Away): boolean {
    return since - this.#answered < RECENT;
  }

  #shareOf(rate: Rate, away: Away): Rate {
    const parts = this.#isSharer(away) ? this.#holders : away.holders;
    return { count: (rate.count * SHARE) / Math.max(parts, 1), perSeconds: rate.perSeconds };
  }

  #shareUsed(rate: Rate, away: Away): UsedUntil {
    if (this.#share !== undefined) return this.#share;
    const pace = paceOf(this.#shareOf(rate, away));
    const place = this.#isSharer(away) ? (this.#place + 1) / this.#holders : 1;
    return away.since + pace * place + aheadOf(this.#shareOf(rate, away));
  }
}

const usableAt = ({ start, pace, arrived }: Block, turn: number): Duration => Math.max(start + turn * pace, arrived);

/** Not used, come, and not held too long. */
const usable = (block: Block, now: Duration): number =>
  Math.max(come(block, now) - block.next - expired(block, now), 0);

const come = ({ start, pace, count }: Block, now: Duration): number =>
  Math.min(Math.max(Math.floor((now - start) / pace + ROUNDING) + 1, 0), count);

/** Of those that were not used. */
function expired(block: Block, now: Duration): number {
  const hold = holdOf(block.pace);
  return now <= block.arrived + hold ? 0 : Math.max(come(block, now - hold) - block.next, 0);
}

const holdOf = (pace: Duration): Duration => (pace < FAST ? HOLD_FAST : Math.min(pace, HOLD_SLOW));
