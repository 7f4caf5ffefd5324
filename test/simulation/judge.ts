/**
 * Judges a run as it goes on: keeps books of what was promised and of what receivers saw, and holds them against the disk.
 *
 * Whatever contradicts a promise of the queue or of sending becomes a sentence in `violations`.
 */
import type { FakeClock } from '#lib/run/fake-clock.ts';
import { type Duration, type Instant, seconds } from '#lib/run/clock.ts';
import { isOfAttempt, type MailEvent } from '#mta/mail/event.ts';
import { domainOf, dueOf, type Message } from '#mta/mail/message.ts';
import { SUSPENDED } from '#mta/queue/sqlite/tables.ts';
import { siteOf } from './declared.ts';
import type { Disk } from './disk.ts';
import { ENDS } from './ledger-check.ts';
import type { Trace } from './trace.ts';

/** A message that was handed in; `accepted` once it was answered for. */
interface Offered {
  readonly message: Message;
  accepted: boolean;
}

/** A message that a receiver kept for a recipient. */
interface Take {
  readonly process: number;
  /** Monotonic: when the sender heard of it. */
  heardAt: Duration | undefined;
}

/** Longest that an outcome that was heard may stay unrecorded while the disk works. */
const RECORDED_WITHIN: Duration = seconds(3);

export interface JudgeSurroundings {
  readonly clock: FakeClock;
  readonly disk: Disk;
  readonly trace: Trace;
}

export class Judge {
  readonly violations: string[] = [];
  readonly offered = new Map<string, Offered>();
  readonly #around: JudgeSurroundings;
  readonly #byRecipient = new Map<string, { readonly message: Message; readonly index: number }>();
  readonly #takes = new Map<string, Take[]>();
  /** When people last asked for mail to be tried at once. */
  readonly #hurried = new Map<string, Instant>();
  #process = 0;

  constructor(around: JudgeSurroundings) {
    this.#around = around;
  }

  /** A process begins. */
  begun(): void {
    this.#process += 1;
  }

  violate(what: string): void {
    this.#around.trace.note(`VIOLATION: ${what}`);
    this.violations.push(what);
  }

  offer(message: Message): void {
    this.offered.set(message.id, { message, accepted: false });
    for (const [index, recipient] of message.recipients.entries()) this.#byRecipient.set(recipient, { message, index });
  }

  accepted(id: string): void {
    const offered = this.offered.get(id);
    if (offered) offered.accepted = true;
  }

  hurried(id: string): void {
    this.#hurried.set(id, Math.floor(this.#around.clock.now()));
  }

  /** The message of a recipient; reports are nobody's that was handed in. */
  find(recipient: string): { readonly message: Message; readonly index: number } | undefined {
    return this.#byRecipient.get(recipient);
  }

  /** A receiver is asked whether it takes mail for a recipient. */
  tried(recipient: string): void {
    const found = this.find(recipient);
    if (!found) return;
    const { message, index } = found;
    const now = this.#around.clock.now();
    const last = this.events(message.id, index).at(-1);
    const hurried = this.#hurried.get(message.id) ?? -Infinity;
    if (!last) return this.violate(`${recipient} is tried and not on record`);
    if (ENDS.has(last.type)) this.violate(`${recipient} is tried after it was ${last.type}`);
    if (dueOf(message) > now && hurried < message.acceptedAt) this.violate(`${recipient} is tried before it may be`);
    if (last.type === 'deferred' && (last.due ?? 0) > now && hurried < last.at)
      this.violate(`${recipient} is tried ${Math.round((last.due ?? 0) - now)} ms before it is due`);
    if (this.#stateOf(message.id, index) === SUSPENDED) this.violate(`${recipient} is tried although it is suspended`);
  }

  /** A receiver keeps a message; what it answers is called when the sender has heard of it. */
  took(id: string, recipients: readonly string[]): () => void {
    const takes = recipients.map((recipient) => this.#take(id, recipient));
    return () => {
      for (const take of takes) take.heardAt = this.#around.clock.monotonic();
    };
  }

  /** An event is told of as durable. */
  told(event: MailEvent): void {
    const { type, message, index, recipient } = event;
    this.#around.trace.note(`${type} ${recipient} ${event.reply}`);
    this.#around.trace.state([type, event.stage, event.class, event.inDoubt && 'in doubt'].filter(Boolean).join(' '));
    const isRecorded = this.events(message, index).some((it) => JSON.stringify(it) === JSON.stringify(event));
    if (!isRecorded) this.violate(`${recipient} is told of as ${type}, which is not on record`);
    if (!isOfAttempt(event)) return;
    const heard = this.#takesOf(message, recipient).filter((it) => it.heardAt !== undefined);
    if (type === 'delivered' && !event.inDoubt && heard.length === 0)
      this.violate(`${recipient} is called delivered and nobody said so`);
    if (type !== 'delivered' && heard.some((it) => it.process === this.#process))
      this.violate(`${recipient} was taken and is called ${type}`);
  }

  /** The process is dead: what it had heard some time ago is on record. */
  died(): void {
    const { clock, disk } = this.#around;
    const since = disk.troubledAt + seconds(10);
    for (const [key, takes] of this.#takes) {
      const heardAt = takes.find((it) => it.process === this.#process)?.heardAt;
      if (heardAt === undefined || heardAt < since || clock.monotonic() - heardAt < RECORDED_WITHIN) continue;
      const [id = '', recipient = ''] = key.split(' ');
      const isRecorded = this.#eventsOf(id).some((it) => it.recipient === recipient && ENDS.has(it.type));
      if (!isRecorded)
        this.violate(`${recipient} was taken ${Math.round(clock.monotonic() - heardAt)} ms ago and is not on record`);
    }
  }

  /** What is on record of a recipient, in order. */
  events(id: string, index: number): MailEvent[] {
    return this.#eventsOf(id).filter((it) => it.index === index);
  }

  #eventsOf(id: string): MailEvent[] {
    const rows = this.#around.disk.ask('SELECT event FROM event WHERE message = ? ORDER BY seq', id);
    return rows.map((row) => JSON.parse(String(row['event'])) as MailEvent);
  }

  #take(id: string, recipient: string): Take {
    const takes = this.#takesOf(id, recipient);
    for (const before of takes) {
      if (before.heardAt !== undefined && before.process === this.#process)
        this.violate(`${recipient} is sent again, after its receiver had taken it and said so`);
    }
    const isOnce = siteOf(domainOf(recipient))?.onInDoubt === 'AssumeDelivered';
    if (isOnce && takes.length > 0) this.violate(`${recipient} is sent again, and was not to be when in doubt`);
    if (takes.length > 0) this.#around.trace.state('doubled in doubt');
    const take: Take = { process: this.#process, heardAt: undefined };
    takes.push(take);
    return take;
  }

  #takesOf(id: string, recipient: string): Take[] {
    const key = `${id} ${recipient}`;
    const takes = this.#takes.get(key) ?? [];
    this.#takes.set(key, takes);
    return takes;
  }

  #stateOf(id: string, index: number): unknown {
    const sql = 'SELECT e.state FROM message m JOIN entry e ON e.no = (m.no << 12) + ? WHERE m.id = ?';
    return this.#around.disk.ask(sql, index, id)[0]?.['state'];
  }
}
