/**
 * What people have ordered, on NATS: suspensions are facts, and so are the records, in a ring of places.
 *
 * A record is written only where its place is as it was seen: of two that want the same number one gets it, the other the next.
 */
import { Fault } from '#lib/run/fault.ts';
import type { AuditEvent } from '../../../mail/audit.ts';
import type { Suspension } from '../../../mail/suspension.ts';
import { Turns } from '../../../queue/sqlite/turns.ts';
import type { AuditRecord, Orders, OrdersChange } from '../orders.ts';
import type { Fact } from './fact.ts';
import type { Facts, Standing, Writing } from './facts.ts';

export class StreamOrders implements Orders {
  readonly #facts: Facts;
  readonly #view: Pick<Orders, 'audit' | 'suspensions'>;
  readonly #nextName: () => string;
  readonly #turns = new Turns();

  constructor(facts: Facts, view: Pick<Orders, 'audit' | 'suspensions'>, nextName: () => string) {
    this.#facts = facts;
    this.#view = view;
    this.#nextName = nextName;
  }

  async suspensions(): Promise<readonly Suspension[]> {
    await this.#facts.known();
    return this.#view.suspensions();
  }

  async audit(most: number, before?: number): Promise<readonly AuditRecord[]> {
    await this.#facts.known();
    return this.#view.audit(most, before);
  }

  async record(event: AuditEvent, { begin, end = [] }: OrdersChange = {}): Promise<void> {
    const write = this.#nextName();
    const ended = new Set(end);
    const changes = [
      ...(begin && !ended.has(begin.id) ? [{ kind: 'suspension', id: begin.id, suspension: begin } as const] : []),
      ...[...ended].map((id) => ({ kind: 'suspension', id }) as const),
    ].map((fact) => ({ fact }));
    if (changes.length >= MOST) throw new Fault('storage-failed', `more than ${MOST} suspensions cannot end together`);
    // One after the other: those of this process would only be in each other's way.
    await this.#turns.alone('record', () => this.#record(event, write, changes));
  }

  async #record(event: AuditEvent, write: string, changes: readonly Writing[]): Promise<void> {
    for (let no = await this.#nextNo(); ; no += 1) {
      const record: Fact & { kind: 'audit' } = { kind: 'audit', no, write, event };
      const place = await this.#facts.standing(record);
      const isOurs = place.fact?.write === write;
      if (!isOurs && isTaken(place, no)) continue;
      if (isOurs) return this.#facts.seen(place.after);
      if (await this.#facts.write([...changes, { fact: record, after: place.after }])) return;
      // Ours may be there without an answer: the same place is looked at again.
      no -= 1;
    }
  }

  async #nextNo(): Promise<number> {
    const [newest] = await this.#view.audit(1);
    return (newest?.no ?? 0) + 1;
  }
}

/** What is written together. */
const MOST = 900;

const isTaken = ({ fact }: Standing<'audit'>, no: number): boolean => fact !== undefined && fact.no >= no;
