/**
 * What every ledger promises, as tests. An adapter's own test file calls `ledgerContract` with a way to open it.
 */
import { describe, expect, test } from 'vitest';
import { type Duration, minutes } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { seededRandom } from '#lib/run/random.ts';
import { until } from '../../../test/harness/until.ts';
import type { EventType, MailEvent } from '../../mail/event.ts';
import { type MessageId, newMessageId } from '../../mail/message.ts';
import type { Ledger } from './ledger.ts';
import { MOST_STRAYS, type Stray } from './returned.ts';
import { suppressionsContract } from './suppressions.contract.ts';
import type { Suppressions } from './suppressions.ts';

/** A ledger, and the queue's side of it. Everything is gone when the test ends. */
export interface LedgerHarness {
  readonly ledger: Ledger;
  /** How long events are kept after their message was accepted. */
  readonly retention: Duration;
  /** Makes events durable, in this order, as the queue does with outcomes. */
  readonly record: (events: readonly MailEvent[]) => Promise<void>;
  /** Suppressions as somebody finds them who opens the ledger anew. */
  readonly reopen: () => Promise<Suppressions>;
}

const START = Date.UTC(2026, 0, 1);
const random = seededRandom(1);
const idAt = (instant: number): MessageId => newMessageId(instant, random);

export const anEvent = (message: MessageId, type: EventType, over: Partial<MailEvent> = {}): MailEvent => ({
  v: 1,
  at: START,
  type,
  message,
  index: 0,
  tenant: 'default',
  sender: 'a@example.com',
  recipient: 'b@dest.test',
  reply: '250 2.0.0 ok',
  attempt: 1,
  ...over,
});

export function ledgerContract(name: string, open: (clock: FakeClock) => Promise<LedgerHarness>): void {
  describe(`${name} keeps the promises of the ledger port`, () => {
    test('a trace has every event of the message, oldest first, with every field', async () => {
      const { ledger, record } = await open(new FakeClock(START));
      const id = idAt(START);
      const events = [
        anEvent(id, 'queued', { size: 100, attempt: 0 }),
        anEvent(id, 'deferred', { due: START + 1, inDoubt: true }),
        anEvent(id, 'deferred', { reply: '451 \u00e9 "x"\\', at: START - minutes(5), attempt: 2 }),
        anEvent(id, 'delivered', { host: 'mx [192.0.2.1]:25', source: '192.0.2.9', tls: 'TLSv1.3 X', took: 3 }),
      ];
      for (const event of events) await record([event]);
      expect(await ledger.trace(id)).toEqual(events);
    });

    test('the newest event of a recipient is found among those of the others', async () => {
      const { ledger, record } = await open(new FakeClock(START));
      const id = idAt(START);
      await record([anEvent(id, 'queued'), anEvent(id, 'queued', { index: 1 })]);
      await record([anEvent(id, 'deferred', { reply: '451 no' }), anEvent(id, 'delivered', { index: 1 })]);
      expect(await ledger.last(id, 0)).toMatchObject({ type: 'deferred', reply: '451 no' });
      expect(await ledger.last(id, 1)).toMatchObject({ type: 'delivered' });
      expect([await ledger.last(id, 2), await ledger.last('unknown', 0)]).toEqual([undefined, undefined]);
    });

    test('events that became durable together keep their order', async () => {
      const { ledger, record } = await open(new FakeClock(START));
      const id = idAt(START);
      const events = Array.from({ length: 50 }, (_, index) => anEvent(id, 'queued', { index }));
      await record(events);
      expect((await ledger.trace(id)).map((it) => it.index)).toEqual(events.map((it) => it.index));
    });

    test('messages are told apart, however alike their ids', async () => {
      const { ledger, record } = await open(new FakeClock(START));
      const [one, other] = [idAt(START), idAt(START)];
      await record([anEvent(one, 'queued'), anEvent(other, 'queued'), anEvent(one, 'delivered')]);
      expect((await ledger.trace(one)).map((it) => it.type)).toEqual(['queued', 'delivered']);
      expect((await ledger.trace(other)).map((it) => it.type)).toEqual(['queued']);
    });

    test.each(['', 'nonsense', "' OR 1=1 --", '%', '01m804kbq61h2td7vkqgy132c'])(
      'nothing is known of a message that never was: %j',
      async (id) => {
        const { ledger, record } = await open(new FakeClock(START));
        await record([anEvent(idAt(START), 'queued')]);
        expect(await ledger.trace(id)).toEqual([]);
      },
    );

    test('what came back is kept with its event, and goes with it', async () => {
      const clock = new FakeClock(START);
      const { ledger, record, retention } = await open(clock);
      const [one, other] = [idAt(START), idAt(START)];
      await record([anEvent(one, 'queued'), anEvent(other, 'queued')]);
      const bytes = Buffer.from('Subject: \u00e9\r\n\r\n\0', 'latin1');
      await ledger.keep([anEvent(one, 'returned', { reply: '250 2.0.0 first' })], bytes);
      await ledger.keep([anEvent(one, 'returned', { reply: '250 2.0.0 second' })], Buffer.from('again'));
      const replies = (await ledger.trace(one)).map((it) => it.reply);
      expect(replies).toEqual(['250 2.0.0 ok', '250 2.0.0 first', '250 2.0.0 second']);
      expect([await ledger.returned.copies(one), await ledger.returned.copies(other)]).toEqual([
        [bytes, Buffer.from('again')],
        [],
      ]);
      clock.advance(retention);
      await record([anEvent(idAt(clock.now() + minutes(5)), 'queued')]);
      await until('it to go', async () => {
        clock.advance(minutes(0.25));
        return (await ledger.trace(one)).length === 0;
      });
      expect(await ledger.returned.copies(one)).toEqual([]);
    });

    test('messages are found by whom something came back for, however written, newest first', async () => {
      const { ledger } = await open(new FakeClock(START));
      const [one, other, third] = [idAt(START), idAt(START + 1), idAt(START + 2)];
      const back = (id: MessageId, recipient: string): MailEvent => anEvent(id, 'returned', { recipient });
      await ledger.keep([back(one, 'b@dest.test'), anEvent(one, 'complained')], Buffer.from('1'));
      await ledger.keep([back(other, 'B@dest.test'), back(other, 'c@dest.test')], Buffer.from('2'));
      await ledger.keep([back(third, 'c@dest.test')], Buffer.from('3'));
      expect(await ledger.returned.messagesFor('b@dest.test', 9)).toEqual([other, one]);
      expect(await ledger.returned.messagesFor('b@dest.test', 1)).toEqual([other]);
      expect(await ledger.returned.messagesFor('d@dest.test', 9)).toEqual([]);
      expect((await ledger.returned.copies(other)).map(String)).toEqual(['2', '2']);
    });

    test('what is about no message has a shelf of its own, bounded for each tenant, and goes in time', async () => {
      const clock = new FakeClock(START);
      const { ledger, record, retention } = await open(clock);
      const stray = (tenant: string, text: string): Stray => ({
        tenant,
        recipient: `fbl@${tenant}.example`,
        at: clock.now(),
        host: 'mx.dest.test [192.0.2.1]',
        report: 'arf',
        copy: Buffer.from(text),
      });
      for (let count = 0; count < MOST_STRAYS; count += 1)
        expect(await ledger.returned.shelve(stray('a', String(count)))).toBe('kept');
      expect(await ledger.returned.shelve(stray('a', 'one more'))).toBe('full');
      expect(await ledger.returned.shelve(stray('b', 'another tenant'))).toBe('kept');
      expect(await ledger.returned.strays('FBL@b.example')).toEqual([stray('b', 'another tenant')]);
      expect(await ledger.returned.strays('fbl@a.example')).toHaveLength(MOST_STRAYS);
      clock.advance(retention + minutes(1));
      await record([anEvent(idAt(clock.now() + minutes(5)), 'queued')]);
      await until('them to go', async () => {
        clock.advance(minutes(0.25));
        return (await ledger.returned.strays('fbl@a.example')).length === 0;
      });
      expect(await ledger.returned.shelve(stray('a', 'again'))).toBe('kept');
    });

    test('events go when their retention has passed, a whole message at a time and no sooner', async () => {
      const clock = new FakeClock(START);
      const { ledger, record, retention } = await open(clock);
      const [old, young] = [idAt(START), idAt(START + minutes(1))];
      await record([anEvent(old, 'queued'), anEvent(young, 'queued')]);
      clock.advance(retention);
      await record([anEvent(old, 'delivered', { at: clock.now() })]);
      // Age is counted from the newest message, so there has to be one.
      await record([anEvent(idAt(clock.now() + minutes(5)), 'queued')]);
      await settled(clock);
      expect(await ledger.trace(old)).toHaveLength(2);
      const gone = async (): Promise<boolean> => {
        clock.advance(minutes(0.25));
        return (await ledger.trace(old)).length === 0;
      };
      await until('the older message to go', gone);
      expect(clock.now()).toBeLessThanOrEqual(START + retention + minutes(2));
      expect(await ledger.trace(young)).toHaveLength(1);
    });

    test('what was used of quotas is there again, as it stood last, until it counts no more', async () => {
      const clock = new FakeClock(START);
      const { ledger } = await open(clock);
      const used = { key: 'hour credential a.b', part: 7, count: 3, until: START + minutes(5) };
      const day = { key: 'day domain \u0022x\u0022', part: 1, count: 9, until: START + minutes(9) };
      await ledger.usage.write([used, day]);
      await ledger.usage.write([
        { ...used, count: 5 },
        { ...used, part: 8, count: 0 },
      ]);
      expect(await ledger.usage.read()).toEqual(expect.arrayContaining([{ ...used, count: 5 }, day]));
      expect(await ledger.usage.read()).toHaveLength(2);
      clock.advance(minutes(5));
      expect(await ledger.usage.read()).toEqual([day]);
    });

    suppressionsContract(async (clock) => {
      const { ledger, reopen } = await open(clock);
      return { suppressions: ledger.suppressions, reopen };
    });
  });

  /** Lets what the clock has started come to its end. */
  async function settled(clock: FakeClock): Promise<void> {
    const before = clock.timers;
    await until('work to end', () => clock.timers >= before);
  }
}
