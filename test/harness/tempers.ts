/**
 * Three receivers of different temper, and what each has done: one defers, one has storms of 421, one refuses strangers.
 *
 * Who is treated how follows from the number in a local part, so that whoever sends knows what must become of each.
 */
import { type Answers, Receiver } from './receiver.ts';
import type { Stage } from './stage.ts';

export const TEMPERS = ['defers', 'storms', 'refuses'] as const;
export type Temper = (typeof TEMPERS)[number];

/** Of each hundred numbers in a row, 30. */
export const isPutOff = (number: number): boolean => number % 10 < 3;
/** Of each hundred numbers in a row, 5. */
export const isStranger = (number: number): boolean => number % 20 === 0;

const STORM_MS = 3000;
const CLOSING = '421 4.3.2 Service not available, closing transmission channel';

const numberIn = (address: string): number => Number(/\d+/.exec(address)?.[0]);

/** What a receiver has counted. */
export interface Counts {
  readonly temper: Temper;
  readonly receiver: Pick<Receiver, 'connections' | 'mostAtOnce'>;
  /** How often each recipient's message was taken, and when the last time (`performance.now()`). */
  readonly taken: ReadonlyMap<string, { readonly times: number; readonly at: number }>;
  /** How often it said 451 to RCPT, 550 to RCPT, and 421. */
  readonly refusals: Readonly<Record<'later' | 'never' | 'closing', number>>;
}

export class TemperedReceiver implements Counts {
  readonly temper: Temper;
  readonly receiver: Receiver;
  readonly taken: Counts['taken'];
  readonly refusals: Counts['refusals'];

  private constructor(temper: Temper, receiver: Receiver, ledger: Ledger) {
    this.temper = temper;
    this.receiver = receiver;
    this.taken = ledger.taken;
    this.refusals = ledger.refusals;
  }

  /** On port 25. The first storm begins after `calm` messages, the second after twice as many. */
  static async listen(stage: Stage, temper: Temper, address: string, calm: number): Promise<TemperedReceiver> {
    const ledger = new Ledger();
    const dot: Answers['dot'] = ({ recipients }) => ledger.take(recipients);
    const answers: Answers = { ...answersOf[temper](ledger, calm), dot };
    const receiver = stage.adopt(await Receiver.listen(25, answers, address));
    return new TemperedReceiver(temper, receiver, ledger);
  }
}

class Ledger {
  readonly taken = new Map<string, { times: number; at: number }>();
  readonly refusals = { later: 0, never: 0, closing: 0 };
  /** Messages taken. */
  count = 0;

  take(recipients: readonly string[]): string {
    this.count += 1;
    for (const it of recipients)
      this.taken.set(it, { times: (this.taken.get(it)?.times ?? 0) + 1, at: performance.now() });
    return '250 2.0.0 taken';
  }

  refuse(how: 'later' | 'never' | 'closing', reply: string): string {
    this.refusals[how] += 1;
    return reply;
  }
}

const TAKEN = '250 2.1.5 ok';

const answersOf: Readonly<Record<Temper, (ledger: Ledger, calm: number) => Answers>> = {
  defers: (ledger) => ({
    rcpt: (address, tries) =>
      tries === 1 && isPutOff(numberIn(address)) ? ledger.refuse('later', '451 4.3.0 busy, come back') : TAKEN,
  }),
  storms: stormy,
  refuses: (ledger) => ({
    rcpt: (address) => (isStranger(numberIn(address)) ? ledger.refuse('never', '550 5.1.1 no such user') : TAKEN),
  }),
};

/** While a storm lasts no connection is greeted, and those that were end at their next message. */
function stormy(ledger: Ledger, calm: number): Answers {
  let storms = 0;
  let until = -Infinity;
  const isStorm = (): boolean => {
    if (storms < 2 && ledger.count >= calm * (storms + 1)) {
      storms += 1;
      until = performance.now() + STORM_MS;
    }
    return performance.now() < until;
  };
  return {
    banner: () => (isStorm() ? ledger.refuse('closing', CLOSING) : '220 storms.test ESMTP'),
    mail: () => (isStorm() ? ledger.refuse('closing', CLOSING) : '250 2.1.0 ok'),
  };
}
