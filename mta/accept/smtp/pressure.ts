/**
 * Whether connections or memory are scarce, and what limits hold then, as Postfix does in its stress mode.
 *
 * Under pressure a peer is given seconds, not minutes, and a stranger's first error is the last. What was accepted is not
 * touched; a sender that is cut comes again. Pressure begins and ends at different levels, so that it does not
 * flutter.
 */
import { type Duration, seconds } from '#lib/run/clock.ts';
import type { SmtpLimits } from './limits.ts';

interface Level {
  readonly begins: number;
  readonly ends: number;
}

/** Of what may be open, and of what may be held, from 0 to 1. One sender alone comes to half of the memory. */
const CONNECTIONS: Level = { begins: 0.8, ends: 0.7 };
const MEMORY: Level = { begins: 0.6, ends: 0.5 };

const HURRIED: Duration = seconds(10);
const FEW_ERRORS = 1;
const LITTLE_JUNK = 10;

export interface Fills {
  readonly connections: number;
  readonly memory: number;
}

export function isPressed(before: boolean, { connections, memory }: Fills): boolean {
  const over = (fill: number, level: Level): boolean => fill >= (before ? level.ends : level.begins);
  return over(connections, CONNECTIONS) || over(memory, MEMORY);
}

/** The limits under pressure; none is wider than before. */
export const hurried = (limits: SmtpLimits): SmtpLimits => ({
  ...limits,
  errors: Math.min(limits.errors, FEW_ERRORS),
  junk: Math.min(limits.junk, LITTLE_JUNK),
  commandTime: Math.min(limits.commandTime, HURRIED),
  dataTime: Math.min(limits.dataTime, HURRIED),
  handshakeTime: Math.min(limits.handshakeTime, HURRIED),
});

/** Says which limits hold now. */
export class Pressure {
  readonly #calm: () => SmtpLimits;
  readonly #fills: () => Fills;
  readonly #began: () => void;
  #isOn = false;
  #of: SmtpLimits | undefined;
  #hurried: SmtpLimits | undefined;

  /** `began` is called when pressure begins, so that those who wait already can be hurried. */
  constructor(calm: () => SmtpLimits, fills: () => Fills, began: () => void) {
    this.#calm = calm;
    this.#fills = fills;
    this.#began = began;
  }

  get isOn(): boolean {
    return this.#isOn;
  }

  limits(): SmtpLimits {
    const before = this.#isOn;
    this.#isOn = isPressed(before, this.#fills());
    const limits = this.#isOn ? this.#hurriedOf(this.#calm()) : this.#calm();
    if (this.#isOn && !before) this.#began();
    return limits;
  }

  #hurriedOf(limits: SmtpLimits): SmtpLimits {
    if (this.#of !== limits || !this.#hurried) [this.#of, this.#hurried] = [limits, hurried(limits)];
    return this.#hurried;
  }
}
