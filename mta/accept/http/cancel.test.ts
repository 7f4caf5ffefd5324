import { describe, expect, test } from 'vitest';
import { hours, minutes } from '#lib/run/clock.ts';
import { ask, openTestApi, type OpenedApi, submit } from '../../../test/harness/api.ts';
import type { Lease } from '../../queue/queue.ts';
import { reply } from '../../mail/reply.ts';

const open = openTestApi();

const cancel = (opened: OpenedApi, id: string, user = 'default.app') =>
  ask(opened, `/v1/messages/${id}`, { method: 'DELETE', user });

/** Hands in a message for two receivers; answers its id. */
async function submitted(opened: OpenedApi): Promise<string> {
  const { said } = await submit(opened, { cc: [{ address: 'c@other.test' }] });
  return String(said['id']);
}

/** What a connection to the first receiver would hold. */
async function leased({ storage: { queue } }: OpenedApi) {
  const claim = await queue.claim(0);
  const [lease] = await queue.lease(claim, 'default default/main dest.test', 1, minutes(10));
  if (!lease) throw new Error('nothing to lease');
  const deliver = (it: Lease) => {
    const event = { ...delivered, message: it.message.id, index: it.index, tenant: it.message.tenant };
    return queue.settle(claim, [
      { lease: it, outcome: { kind: 'delivered', reply: reply(250, '2.0.0', 'ok') }, event },
    ]);
  };
  return { lease, deliver, queue };
}

const delivered = {
  v: 1,
  at: 0,
  type: 'delivered',
  sender: 'a@example.com',
  recipient: 'b@dest.test',
  reply: '250 2.0.0 ok',
  attempt: 1,
} as const;

describe('cancelling a message', () => {
  test('ends it for everybody it waits for, is told of, and shows in its state', async () => {
    const opened = await open();
    const id = await submitted(opened);
    expect(await cancel(opened, id)).toMatchObject({
      status: 200,
      said: {
        id,
        recipients: [
          { id: `${id}-0`, address: 'b@dest.test', result: 'cancelled' },
          { id: `${id}-1`, address: 'c@other.test', result: 'cancelled' },
        ],
      },
    });
    expect(opened.storage.queue.depth()).toEqual([]);
    expect(opened.cancelled.map((it) => [it.type, it.index, it.reply])).toEqual([
      ['cancelled', 0, 'cancelled by default.app'],
      ['cancelled', 1, 'cancelled by default.app'],
    ]);
    const { said } = await ask(opened, `/v1/messages/${id}`, { method: 'GET' });
    expect(said['recipients']).toMatchObject([{ state: 'cancelled' }, { state: 'cancelled' }]);
  });

  test('is harmless to repeat, also at the same time', async () => {
    const opened = await open();
    const id = await submitted(opened);
    const answers = await Promise.all(Array.from({ length: 10 }, () => cancel(opened, id)));
    expect(new Set(answers.map((it) => JSON.stringify([it.status, it.said])))).toHaveLength(1);
    expect(answers[0]?.status).toBe(200);
    expect(opened.cancelled).toHaveLength(2);
  });

  test('leaves what is under way to its connection, and says to ask again', async () => {
    const opened = await open();
    const id = await submitted(opened);
    const { lease, queue } = await leased(opened);
    const first = await cancel(opened, id);
    expect([first.status, first.headers.get('retry-after')]).toEqual([202, '30']);
    expect(first.said['recipients']).toMatchObject([{ result: 'underWay' }, { result: 'cancelled' }]);
    queue.giveBack([lease]);
    expect(await cancel(opened, id)).toMatchObject({ status: 200 });
    expect(opened.cancelled.map((it) => it.index)).toEqual([1, 0]);
  });

  test('is too late while all of it is under way, and when all of it has ended', async () => {
    const opened = await open();
    const id = String((await submit(opened)).said['id']);
    const { lease, deliver } = await leased(opened);
    expect(await cancel(opened, id)).toMatchObject({ status: 409, said: { recipients: [{ result: 'underWay' }] } });
    expect(await deliver(lease)).toEqual([]);
    const ended = await cancel(opened, id);
    expect(ended).toMatchObject({ status: 409, said: { recipients: [{ result: 'ended' }] } });
    expect(ended.headers.has('retry-after')).toBe(false);
    expect(opened.cancelled).toEqual([]);
  });

  test('is for its own tenant: to others it does not exist', async () => {
    const opened = await open();
    const id = await submitted(opened);
    const foreign = await cancel(opened, id, 'shop.other');
    const unknown = await cancel(opened, 'nothing');
    expect([foreign.status, unknown.status]).toEqual([404, 404]);
    expect(foreign.said).toEqual(unknown.said);
    expect(opened.storage.queue.depth()).toHaveLength(2);
  });

  test('needs scope Submit', async () => {
    const opened = await open();
    const id = await submitted(opened);
    expect(await cancel(opened, id, 'default.events')).toMatchObject({ status: 403 });
    expect(await cancel(opened, id, 'default.submit')).toMatchObject({ status: 200 });
  });

  test('frees its Idempotency-Key for nothing else', async () => {
    const opened = await open();
    const asking = { headers: { 'idempotency-key': 'key' } };
    const { said } = await submit(opened, {}, asking);
    await cancel(opened, String(said['id']));
    opened.clock.advance(hours(1));
    expect((await submit(opened, {}, asking)).said).toEqual(said);
    expect(opened.told).toHaveLength(1);
  });
});
