/**
 * What receivers are like: for each temper, what is answered at each stage. Decides; a receiver acts on it.
 */
import type { Chance } from './chance.ts';

export type At = 'connect' | 'banner' | 'ehlo' | 'mail' | 'rcpt' | 'data' | 'dot';

/** A reply, or none; `taken`: the message is kept whatever is said of it. */
export type Answer =
  | { readonly kind: 'reply'; readonly text: string; readonly closes?: true }
  | { readonly kind: 'refused' | 'silent' }
  | { readonly kind: 'closed'; readonly taken?: true }
  | { readonly kind: 'hangs'; readonly taken: true };

export const TEMPERS = [
  'takes',
  'slow',
  'defers recipients',
  'refuses recipients',
  'greylists',
  'takes few together',
  'refuses content',
  'defers content',
  'storms',
  'turns away',
  'refuses connections',
  'is not there',
  'never greets',
  'closes at the dot',
  'closes after the dot',
  'hangs after the dot',
] as const;
export type Temper = (typeof TEMPERS)[number];

const say = (text: string): Answer => ({ kind: 'reply', text });
const sayLast = (text: string): Answer => ({ kind: 'reply', text, closes: true });

const GOOD: Readonly<Record<At, Answer>> = {
  connect: say(''),
  banner: say('220 mx.test ESMTP'),
  ehlo: say('250 mx.test'),
  mail: say('250 2.1.0 ok'),
  rcpt: say('250 2.1.5 ok'),
  data: say('354 go on'),
  dot: say('250 2.0.0 taken'),
};

/** What is said instead of the good answer, and how often. */
interface Fault {
  readonly at: At;
  readonly often: number;
  readonly answer: Answer;
}

const FAULTS: Readonly<Record<Temper, readonly Fault[]>> = {
  takes: [],
  slow: [],
  'defers recipients': [{ at: 'rcpt', often: 0.5, answer: say('451 4.2.1 not now') }],
  'refuses recipients': [{ at: 'rcpt', often: 0.4, answer: say('550 5.1.1 nobody of that name') }],
  greylists: [],
  'takes few together': [],
  'refuses content': [{ at: 'dot', often: 0.4, answer: say('554 5.6.0 not like that') }],
  'defers content': [{ at: 'dot', often: 0.5, answer: say('452 4.3.1 no room') }],
  storms: [
    { at: 'mail', often: 0.3, answer: sayLast('421 4.3.2 too much') },
    { at: 'dot', often: 0.1, answer: sayLast('421 4.3.2 too much') },
  ],
  'turns away': [{ at: 'banner', often: 0.7, answer: sayLast('421 4.3.2 come back') }],
  'refuses connections': [{ at: 'connect', often: 0.9, answer: { kind: 'refused' } }],
  'is not there': [{ at: 'connect', often: 1, answer: { kind: 'silent' } }],
  'never greets': [{ at: 'banner', often: 0.5, answer: { kind: 'silent' } }],
  'closes at the dot': [{ at: 'dot', often: 0.4, answer: { kind: 'closed' } }],
  'closes after the dot': [{ at: 'dot', often: 0.4, answer: { kind: 'closed', taken: true } }],
  'hangs after the dot': [{ at: 'dot', often: 0.3, answer: { kind: 'hangs', taken: true } }],
};

export function answerOf(temper: Temper, at: At, chance: Chance): Answer {
  const fault = FAULTS[temper].find((it) => it.at === at && chance.is(it.often));
  return fault?.answer ?? GOOD[at];
}

/** Milliseconds a receiver thinks before it answers. */
export const thinkingOf = (temper: Temper, chance: Chance): number =>
  temper === 'slow' ? chance.within(500, 20_000) : chance.within(0, 30);
