import { describe, expect, test } from 'vitest';
import { hours, minutes, seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { aMessage, openTestStorage } from '../../test/harness/queue.ts';
import { openSettler } from '../../test/harness/settler.ts';
import { until } from '../../test/harness/until.ts';
import { compilePattern } from '#lib/pattern/pattern.ts';
import type { Attempt } from '../mail/attempt.ts';
import type { Firing } from '../mail/firing.ts';
import type { MailEvent } from '../mail/event.ts';
import type { Message } from '../mail/message.ts';
import type { Lease } from '../queue/queue.ts';
import { reply } from '../mail/reply.ts';
import type { Rule } from './rules/rule.ts';
import type { SettlerOptions } from './settle.ts';

const LANE = 'default default/main dest.test';
const HOLD = minutes(45);

const attempt = (over: Partial<Attempt> = {}): Attempt => ({
  stage: 'rcpt',
  reply: reply(250, '2.0.0', 'ok'),
  own: false,
  inDoubt: false,
  ...over,
});
const delivered = attempt();
const refused = attempt({ reply: reply(550, '5.1.1', 'no such user') });
const deferred = attempt({ reply: reply(451, '4.7.1', 'greylisted') });

const openQueue = openTestStorage();

async function open(over: Partial<SettlerOptions> = {}) {
  const clock = new FakeClock();
  const storage = await openQueue(clock);
  const { queue } = storage;
  const { claim, settler, told, faults } = await openSettler(storage, clock, over);
  const lease = async (max = 100): Promise<Lease[]> => queue.lease(claim, LANE, max, HOLD);
  const leaseNew = async (message: Partial<Message> = {}): Promise<Lease> => {
    await queue.put(aMessage(message));
    const [leased] = await lease(1);
    if (!leased) throw new Error('nothing to lease');
    return leased;
  };
  const depth = (): number => queue.depth().reduce((sum, it) => sum + it.depth, 0);
  return { clock, storage, queue, claim, settler, told, faults, lease, leaseNew, depth };
}

const typesOf = (events: readonly MailEvent[]): string[] => events.map((it) => it.type);

describe('an outcome', () => {
  test('is on disk before anybody is told of it', async () => {
    const onDisk: Promise<readonly MailEvent[]>[] = [];
    const { settler, storage, leaseNew } = await open({ tell: () => void onDisk.push(storage.events()) });
    settler.settle(await leaseNew(), delivered);
    expect(onDisk).toEqual([]);
    await settler.flush();
    expect(typesOf((await onDisk[0]) ?? [])).toEqual(['queued', 'delivered']);
  });

  test.each([
    ['delivered', delivered, 0],
    ['bounced', refused, 0],
    ['deferred', deferred, 1],
    ['deferred', attempt({ stage: 'banner', reply: reply(554, '5.7.1', 'go away') }), 1],
  ] as const)('is %s, and ends the entry only when it is final', async (type, tried, left) => {
    const { settler, told, leaseNew, depth } = await open();
    settler.settle(await leaseNew({ via: 'http' }), tried);
    await settler.flush();
    expect(typesOf(told)).toEqual([type]);
    expect(depth()).toBe(left);
  });

  test('comes again when it is due, with its attempt counted', async () => {
    const { settler, clock, told, leaseNew, lease } = await open();
    settler.settle(await leaseNew(), deferred);
    await settler.flush();
    expect(told[0]).toMatchObject({ attempt: 1, due: clock.now() + minutes(15), reply: '451 4.7.1 greylisted' });
    expect(await lease()).toEqual([]);
    clock.advance(minutes(15));
    expect(await lease()).toMatchObject([{ attempts: 1 }]);
  });

  test('of who says when to come back waits so long, for the address it left from', async () => {
    const greylisted: Rule = {
      name: 'every/greylisted',
      codes: ['4'],
      class: 'Technical',
      action: 'retry',
      scope: 'source',
      duration: minutes(7),
    };
    const waits: (number | undefined)[] = [];
    const nextAttempt: SettlerOptions['nextAttempt'] = (_, __, first) => {
      waits.push(first);
      return minutes(7);
    };
    const { settler, queue, leaseNew } = await open({ rulesOf: () => [greylisted], nextAttempt });
    settler.settle(await leaseNew(), { ...deferred, source: '192.0.2.9' });
    await settler.flush();
    expect(waits).toEqual([minutes(7)]);
    expect(queue.depth()).toEqual([{ lane: `${LANE} from=192.0.2.9`, depth: 1 }]);
  });

  test('tells who said it, from where, over what, how long it took, and nothing it does not know', async () => {
    const { settler, told, leaseNew, clock } = await open();
    const where = { host: 'mx.dest.test [192.0.2.1]:25', source: '192.0.2.9', tls: 'TLSv1.3 X', took: 12 };
    settler.settle(await leaseNew(), { ...delivered, ...where });
    settler.settle(await leaseNew(), { ...delivered, tls: undefined });
    await settler.flush();
    const common = {
      v: 1,
      at: clock.now(),
      type: 'delivered',
      message: expect.any(String),
      index: 0,
      tenant: 'default',
      sender: 'a@example.com',
      recipient: 'b@dest.test',
      reply: '250 2.0.0 ok',
      attempt: 1,
    };
    expect(told).toStrictEqual([{ ...common, ...where }, common]);
  });

  test('whose message may have been taken is in doubt, and tried again', async () => {
    const { settler, told, leaseNew } = await open();
    settler.settle(await leaseNew(), attempt({ reply: reply(554, '', 'lost'), own: true, inDoubt: true }));
    await settler.flush();
    expect(told).toMatchObject([{ type: 'deferred', inDoubt: true }]);
  });

  test('never keeps more than 1 KiB of what a peer said', async () => {
    const { settler, storage, leaseNew } = await open();
    settler.settle(await leaseNew(), attempt({ reply: reply(250, '2.0.0', 'x\n'.repeat(5000)) }));
    await settler.flush();
    const [, event] = await storage.events();
    expect(event?.reply).toHaveLength(1024);
    expect(event?.reply).not.toContain('\n');
  });

  test('of a message that is out of time is final, with the last reply', async () => {
    const { settler, told, leaseNew, depth } = await open({ nextAttempt: () => undefined });
    settler.settle(await leaseNew({ via: 'http' }), deferred);
    await settler.flush();
    const want = '554 5.4.7 message expired; last reply: 451 4.7.1 greylisted';
    expect(told).toMatchObject([{ type: 'expired', reply: want }]);
    expect(depth()).toBe(0);
  });

  test('asks for the next time with the attempts that were made', async () => {
    const asked: number[] = [];
    const { settler, clock, leaseNew, lease } = await open({
      nextAttempt: (_, attempts) => asked.push(attempts) && clock.now() + minutes(15),
    });
    settler.settle(await leaseNew(), deferred);
    await settler.flush();
    clock.advance(minutes(15));
    for (const leased of await lease()) settler.settle(leased, deferred);
    await settler.flush();
    expect(asked).toEqual([1, 2]);
  });
});

describe('a failure to reach anybody', () => {
  const away = attempt({ stage: 'connect', reply: reply(451, '4.4.1', 'no connection'), own: true, pause: minutes(2) });

  test('is no attempt: the message waits as long as its site, and asks no retry policy', async () => {
    const asked: number[] = [];
    const { settler, clock, told, leaseNew, lease } = await open({
      nextAttempt: (_, attempts) => asked.push(attempts) && clock.now(),
    });
    settler.settle(await leaseNew(), away);
    await settler.flush();
    expect(told).toMatchObject([
      { type: 'deferred', attempt: 0, due: clock.now() + minutes(2), stage: 'connect', class: 'Technical' },
    ]);
    clock.advance(minutes(2));
    expect(await lease()).toMatchObject([{ attempts: 0 }]);
    expect(asked).toEqual([]);
  });

  test('lengthens no life: the message is due again when its life ends', async () => {
    const { settler, clock, told, leaseNew } = await open({ expiresAt: () => clock.now() + seconds(30) });
    settler.settle(await leaseNew(), away);
    await settler.flush();
    expect(told).toMatchObject([{ type: 'deferred', due: clock.now() + seconds(30) }]);
  });
});

describe('a message that the receiver may have taken', () => {
  const lost = attempt({ stage: 'dot', reply: reply(451, '4.4.2', 'connection lost'), own: true, inDoubt: true });

  test.each([
    ['Retry', { type: 'deferred', inDoubt: true, due: expect.any(Number) }, 'waiting'],
    ['Hold', { type: 'deferred', inDoubt: true, held: true }, 'suspended'],
    ['AssumeDelivered', { type: 'delivered', inDoubt: true }, undefined],
  ] as const)('%s: is told as %j', async (policy, want, state) => {
    const { settler, queue, told, leaseNew } = await open({ onInDoubt: () => policy });
    settler.settle(await leaseNew(), lost);
    await settler.flush();
    expect(told).toMatchObject([want]);
    expect((await queue.list({}, 10)).map((it) => it.state)).toEqual(state === undefined ? [] : [state]);
  });
});

describe('what follows from a reply', () => {
  const rule: Rule = {
    name: 'p/r',
    pattern: compilePattern('slow down'),
    class: 'Frequency/Volume',
    action: 'suspend',
    scope: 'site',
    duration: minutes(30),
  };
  const slowDown = attempt({ reply: reply(451, '4.7.1', 'slow down'), source: '192.0.2.9' });

  test('is in its event, and is done when the event is durable', async () => {
    const fired: Firing[] = [];
    const { settler, clock, told, storage, faults, leaseNew } = await open({
      rulesOf: () => [rule],
      fire: (it) => fired.push(it),
    });
    const lease = await leaseNew();
    storage.broken = true;
    settler.settle(lease, slowDown);
    await until('a fault', () => faults.length > 0);
    expect(fired).toEqual([]);
    storage.broken = false;
    clock.advance(seconds(1));
    await settler.flush();
    expect(fired).toMatchObject([{ rule: 'p/r', sample: '451 4.7.1 slow down', course: { source: '192.0.2.9' } }]);
    const want = { action: 'suspend', scope: 'site', until: fired[0]?.until };
    expect(told).toMatchObject([{ type: 'deferred', class: 'Frequency/Volume', rule: 'p/r', fired: want }]);
    expect((await storage.events())[1]).toEqual(told[0]);
  });

  test('is done once while it holds', async () => {
    const fired: Firing[] = [];
    const { settler, leaseNew } = await open({ rulesOf: () => [rule], fire: (it) => fired.push(it) });
    for (let at = 0; at < 3; at += 1) settler.settle(await leaseNew(), slowDown);
    await settler.flush();
    expect(fired).toHaveLength(1);
  });

  const gone: Rule = {
    name: 'p/gone',
    class: 'Invalid Address',
    action: 'suppress',
    scope: 'source',
    codes: ['5.1.1'],
  };
  test.each([
    ['http', 1],
    ['smtp', 1],
    ['system', 0],
  ] as const)('mail handed in by %s suppresses %i addresses that are not there', async (via, want) => {
    const suppressed: string[] = [];
    const { settler, leaseNew } = await open({
      rulesOf: () => [gone],
      suppress: (event) => suppressed.push(`${event.tenant} ${event.recipient} ${event.rule}`),
    });
    settler.settle(await leaseNew({ via }), refused);
    await settler.flush();
    expect(suppressed).toEqual(Array.from({ length: want }, () => 'default b@dest.test p/gone'));
  });

  test('asks for no rules when the mail was taken', async () => {
    const { settler, leaseNew, told } = await open({
      rulesOf: () => {
        throw new Error('asked');
      },
    });
    settler.settle(await leaseNew(), delivered);
    await settler.flush();
    expect(typesOf(told)).toEqual(['delivered']);
  });
});

describe('a report is owed', () => {
  test.each([
    ['by SMTP, refused', 'smtp', 'a@example.com', refused, true],
    ['by SMTP, out of time', 'smtp', 'a@example.com', deferred, true],
    ['by SMTP, delivered', 'smtp', 'a@example.com', delivered, false],
    ['without a return path', 'smtp', '', refused, false],
    ['by HTTP, told by events', 'http', 'a@example.com', refused, false],
    ['a report itself', 'system', '', refused, false],
  ] as const)('to whom it concerns: %s', async (_, via, sender, tried, want) => {
    const { settler, queue, claim, leaseNew } = await open({ nextAttempt: () => undefined });
    settler.settle(await leaseNew({ via, sender }), tried);
    await settler.flush();
    expect(await queue.unreported(claim, 10)).toHaveLength(want ? 1 : 0);
  });

  test.each([
    ['NEVER', 0],
    ['SUCCESS', 0],
    ['DELAY', 0],
    ['FAILURE', 1],
  ] as const)('unless the sender asked otherwise: NOTIFY=%s', async (word, want) => {
    const { settler, queue, claim, leaseNew } = await open();
    settler.settle(await leaseNew({ via: 'smtp', dsn: { recipients: [{ notify: [word] }] } }), refused);
    await settler.flush();
    expect(await queue.unreported(claim, 10)).toHaveLength(want);
  });

  test.each([
    ['asked, and the receiver gives none', 'SUCCESS', delivered, 1],
    ['asked, and the receiver gives one itself', 'SUCCESS', { ...delivered, peerReports: true }, 0],
    ['asked only of failures', 'FAILURE', delivered, 0],
  ] as const)('of a delivery: %s', async (_, word, tried, want) => {
    const { settler, queue, claim, leaseNew } = await open();
    settler.settle(await leaseNew({ via: 'smtp', dsn: { recipients: [{ notify: [word] }] } }), tried);
    await settler.flush();
    expect(await queue.unreported(claim, 10)).toHaveLength(want);
  });

  test.each([
    ['at four hours', 4, 'DELAY', 'smtp', 1],
    ['not before', 3.9, 'DELAY', 'smtp', 0],
    ['not unless asked', 5, 'FAILURE', 'smtp', 0],
    ['not by HTTP', 5, 'DELAY', 'http', 0],
  ] as const)('of a delay %s', async (_, after, word, via, want) => {
    const { settler, queue, claim, leaseNew, clock } = await open();
    const acceptedAt = clock.now() - hours(after);
    settler.settle(await leaseNew({ via, acceptedAt, dsn: { recipients: [{ notify: [word] }] } }), deferred);
    await settler.flush();
    expect(await queue.unreported(claim, 10)).toHaveLength(want);
  });

  test('not for what is tried again', async () => {
    const { settler, queue, claim, leaseNew } = await open();
    settler.settle(await leaseNew(), deferred);
    await settler.flush();
    expect(await queue.unreported(claim, 10)).toEqual([]);
  });
});

describe('settlements', () => {
  test('that gather while one write runs share the next, and each is told once, in order', async () => {
    const { settler, told, queue, lease } = await open();
    for (let at = 0; at < 20; at += 1) await queue.put(aMessage());
    const writes: number[] = [];
    const settle = queue.settle.bind(queue);
    queue.settle = (...of) => {
      writes.push(of[1].length);
      return settle(...of);
    };
    const leases = await lease();
    expect(leases).toHaveLength(20);
    for (const leased of leases.slice(0, 1)) settler.settle(leased, delivered);
    await Promise.resolve();
    for (const leased of leases.slice(1)) settler.settle(leased, delivered);
    await settler.flush();
    expect(writes).toEqual([1, 19]);
    expect(told.map((it) => it.message)).toEqual(leases.map((it) => it.message.id));
  });

  test('that are refused because the lease is void are told to nobody', async () => {
    const { settler, clock, told, storage, leaseNew, lease } = await open();
    const late = await leaseNew();
    clock.advance(HOLD + seconds(2));
    const [again] = await lease();
    settler.settle(late, refused);
    if (again) settler.settle(again, delivered);
    await settler.flush();
    expect(typesOf(told)).toEqual(['delivered']);
    expect(typesOf(await storage.events())).toEqual(['queued', 'delivered']);
  });

  test('for the same lease are told once', async () => {
    const { settler, told, storage, leaseNew } = await open();
    const lease = await leaseNew();
    settler.settle(lease, delivered);
    settler.settle(lease, refused);
    await settler.flush();
    expect(typesOf(told)).toEqual(['delivered']);
    expect(typesOf(await storage.events())).toEqual(['queued', 'delivered']);
  });
});

describe('while outcomes cannot be written', () => {
  const troubles = async (faults: readonly unknown[], count: number): Promise<unknown> =>
    until(`${count} faults`, () => faults.length >= count);

  test('nothing is told, and what was settled is tried again until it is durable', async () => {
    const { settler, storage, clock, told, faults, leaseNew, depth } = await open();
    const lease = await leaseNew();
    storage.broken = true;
    settler.settle(lease, delivered);
    for (let tries = 1; tries <= 3; tries += 1) {
      await troubles(faults, tries);
      clock.advance(seconds(1));
    }
    await troubles(faults, 4);
    expect(told).toEqual([]);
    expect(depth()).toBe(1);
    storage.broken = false;
    clock.advance(seconds(1));
    await settler.flush();
    expect(typesOf(told)).toEqual(['delivered']);
    expect(typesOf(await storage.events())).toEqual(['queued', 'delivered']);
    expect(faults).toEqual(faults.map(() => expect.objectContaining({ code: 'storage-failed' })));
  });

  test('whoever sends waits, and goes on when it is mended', async () => {
    const { settler, storage, clock, faults, leaseNew } = await open();
    expect(settler.ready()).toBeUndefined();
    const lease = await leaseNew();
    storage.broken = true;
    settler.settle(lease, delivered);
    await troubles(faults, 1);
    let isReady = false;
    const waiting = settler.ready()?.then(() => (isReady = true));
    expect(waiting).toBeDefined();
    clock.advance(seconds(1));
    await troubles(faults, 2);
    expect(isReady).toBe(false);
    storage.broken = false;
    clock.advance(seconds(1));
    await waiting;
    expect(settler.ready()).toBeUndefined();
  });

  test('leases are held for as long as it takes, of those too that came in meanwhile', async () => {
    const { settler, storage, clock, told, faults, leaseNew, lease } = await open();
    const [first, second] = [await leaseNew(), await leaseNew()];
    storage.broken = true;
    settler.settle(first, delivered);
    await troubles(faults, 1);
    settler.settle(second, delivered);
    for (let passed = 0; passed < hours(2); passed += minutes(20)) {
      const before = faults.length;
      clock.advance(minutes(20));
      await troubles(faults, before + 1);
    }
    expect(await lease()).toEqual([]);
    storage.broken = false;
    clock.advance(seconds(1));
    await settler.flush();
    expect(told.map((it) => it.message)).toEqual([first.message.id, second.message.id]);
  });

  test('flush waits for all of it', async () => {
    const { settler, storage, clock, told, faults, leaseNew } = await open();
    const lease = await leaseNew();
    storage.broken = true;
    settler.settle(lease, delivered);
    const flushed = settler.flush();
    await troubles(faults, 1);
    storage.broken = false;
    clock.advance(seconds(1));
    await flushed;
    expect(told).toHaveLength(1);
  });
});

test('sending pauses while too many outcomes are not yet durable', async () => {
  const { settler, leaseNew } = await open();
  const lease = await leaseNew();
  for (let at = 0; at < 1999; at += 1) settler.settle(lease, delivered);
  expect(settler.ready()).toBeUndefined();
  settler.settle(lease, delivered);
  await settler.ready();
  expect(settler.ready()).toBeUndefined();
});

test('with nothing to settle there is nothing to wait for', async () => {
  const { settler } = await open();
  await settler.flush();
  expect(settler.ready()).toBeUndefined();
});
