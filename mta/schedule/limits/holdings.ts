/**
 * Says to Redis how many connections this holder has and wants, under many names at once: what comes up in one turn of the
 * event loop goes in one script, fifty names at most, because the way there costs a process more than an answer costs Redis.
 *
 * In the order it was asked. What the answers mean is `shared-slots.ts`'s to know.
 */
import { type Contact, LEASE, type Reply, ROLL_CALL } from './contact.ts';
import { HOLD } from './scripts.ts';
import { type Duration, milliseconds } from '#lib/run/clock.ts';

/** Connections under a name: what is wanted in all, what is held already, the most that all holders may have. */
export interface Holding {
  readonly name: string;
  readonly want: number;
  readonly held: number;
  readonly most: number;
}

export interface Held {
  readonly held: number;
  /** Its fair share. */
  readonly fair: number;
  /** Somebody with less waits. */
  readonly isAwaited: boolean;
  /** When it is worth asking again. */
  readonly wait: Duration;
}

/** Whom it asks. */
type Asked = Pick<Contact, 'holder' | 'key' | 'keyOf' | 'run'>;

type Answer = (held: Held | undefined) => void;

interface Ask {
  readonly holding: Holding;
  readonly answer: Answer;
}

/** Who waits is known for so long after it asked the last time. */
const PATIENCE: Duration = milliseconds(1500);

const TOGETHER = 50;
/** Values that are answered for each name. */
const VALUES = 4;

export class Holdings {
  readonly #contact: Asked;
  #asks: Ask[] = [];
  #turn: NodeJS.Immediate | undefined;

  constructor(contact: Asked) {
    this.#contact = contact;
  }

  /** `answer` is called once, without anything when nobody knows. Must not throw. */
  ask(holding: Holding, answer: Answer): void {
    this.#asks.push({ holding, answer });
    if (this.#asks.length === TOGETHER) this.send();
    else this.#turn ??= setImmediate(() => this.send());
  }

  /** Asks at once what is still to be asked. */
  send(): void {
    clearImmediate(this.#turn);
    this.#turn = undefined;
    const asks = this.#asks;
    this.#asks = [];
    if (asks.length > 0) void this.#run(asks);
  }

  async #run(asks: readonly Ask[]): Promise<void> {
    const contact = this.#contact;
    const common = [contact.key('server'), contact.key('holders'), contact.key('wanted')];
    const keys = asks.map(({ holding }) => contact.keyOf('slots', holding.name));
    const args = asks.flatMap(({ holding: { want, held, most, name } }) => [want, held, most, name]);
    const reply = await contact.run(HOLD, [...common, ...keys], [contact.holder, ROLL_CALL, LEASE, PATIENCE, ...args]);
    for (const [at, { answer }] of asks.entries()) answer(reply && heldOf(reply, at * VALUES));
  }
}

const heldOf = (reply: Reply, at: number): Held => ({
  held: reply.number(at),
  fair: reply.number(at + 1),
  isAwaited: reply.number(at + 2) === 1,
  wait: reply.number(at + 3),
});
