/**
 * Chance of one seed: every choice of a run is drawn here, so that a seed is a run.
 */
import { type Random, seededRandom } from '#lib/run/random.ts';

export class Chance {
  readonly random: Random;

  constructor(seed: number) {
    this.random = seededRandom(Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995);
  }

  /** True with a probability. */
  is(probability: number): boolean {
    return this.random.fraction() < probability;
  }

  /** A whole number from `least` to `most`, both included. */
  within(least: number, most: number): number {
    return least + Math.floor(this.random.fraction() * (most - least + 1));
  }

  pick<T>(from: readonly [T, ...T[]]): T;
  pick<T>(from: readonly T[]): T | undefined;
  pick<T>(from: readonly T[]): T | undefined {
    return from[this.within(0, from.length - 1)];
  }

  /** One of the names, each as likely as its weight says. At least one weight is above 0. */
  weighed<Name extends string>(weights: Readonly<Record<Name, number>>): Name {
    const all = Object.entries(weights) as [Name, number][];
    let left = this.random.fraction() * all.reduce((sum, [, weight]) => sum + weight, 0);
    const found = all.find(([, weight]) => (left -= weight) < 0) ?? all.findLast(([, weight]) => weight > 0);
    if (!found) throw new Error('nothing to choose from');
    return found[0];
  }
}
