/**
 * What every store of orders promises, as tests. An adapter's own test file calls `ordersContract` with a way to open it.
 */
import { describe, expect, test } from 'vitest';
import { hours } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import type { AuditEvent } from '../../mail/audit.ts';
import type { Suspension } from '../../mail/suspension.ts';
import type { Orders } from './orders.ts';

export interface OrdersHarness {
  readonly orders: Orders;
  /** As somebody finds them who opens the storage anew. */
  readonly reopen: () => Promise<Orders>;
  /** From now on nothing can be written. */
  readonly fail: () => void;
}

const START = Date.UTC(2026, 0, 1);

const event = (over: Partial<AuditEvent> = {}): AuditEvent => ({
  v: 1,
  at: START,
  by: 'ann',
  operation: 'suspend',
  stage: 'done',
  about: { tenant: 'shop' },
  recipients: 3,
  ...over,
});

const order = (id: string, over: Partial<Suspension> = {}): Suspension => ({
  id,
  about: { tenant: 'shop' },
  why: 'blocklisted',
  by: 'ann',
  at: START,
  ...over,
});

export function ordersContract(name: string, open: (clock: FakeClock) => Promise<OrdersHarness>): void {
  describe(`${name} keeps the promises of orders`, () => {
    test('a suspension and its record are there for whoever opens the storage anew, with every field', async () => {
      const { orders, reopen } = await open(new FakeClock(START));
      const ending = order('a', { until: START + hours(1), about: { site: 'mx', pool: 'p/q', domain: 'd' } });
      await orders.record(event({ suspensions: ['a'], until: START + hours(1), why: 'blocklisted' }), {
        begin: ending,
      });
      await orders.record(event({ by: 'bob' }), { begin: order('b') });
      const anew = await reopen();
      expect((await anew.suspensions()).toSorted((x, y) => (x.id < y.id ? -1 : 1))).toEqual([ending, order('b')]);
      expect(await anew.audit(10)).toMatchObject([
        { by: 'bob' },
        event({ suspensions: ['a'], until: START + hours(1), why: 'blocklisted' }),
      ]);
    });

    test('what was ended is gone, and ending it again is harmless', async () => {
      const { orders, reopen } = await open(new FakeClock(START));
      await orders.record(event(), { begin: order('a') });
      for (let again = 0; again < 2; again += 1)
        await orders.record(event({ operation: 'resume' }), { end: ['a', 'x'] });
      expect(await (await reopen()).suspensions()).toEqual([]);
    });

    test('a suspension that is over is not read', async () => {
      const clock = new FakeClock(START);
      const { orders } = await open(clock);
      await orders.record(event(), { begin: order('a', { until: START + 10 }) });
      clock.advance(9);
      expect(await orders.suspensions()).toHaveLength(1);
      clock.advance(1);
      expect(await orders.suspensions()).toEqual([]);
    });

    test('records are read newest first, page by page', async () => {
      const { orders } = await open(new FakeClock(START));
      for (let recipients = 0; recipients < 5; recipients += 1) await orders.record(event({ recipients }));
      const first = await orders.audit(3);
      expect(first.map((it) => it.recipients)).toEqual([4, 3, 2]);
      expect((await orders.audit(3, first.at(-1)?.no)).map((it) => it.recipients)).toEqual([1, 0]);
    });

    test('a suspension that cannot be written leaves no record, and none is told of', async () => {
      const { orders, reopen, fail } = await open(new FakeClock(START));
      fail();
      await expect(orders.record(event(), { begin: order('a') })).rejects.toMatchObject({ code: 'storage-failed' });
      const anew = await reopen();
      expect([await anew.suspensions(), await anew.audit(10)]).toEqual([[], []]);
    });
  });
}
