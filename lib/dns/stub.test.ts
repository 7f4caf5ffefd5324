import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { until } from '../../test/harness/until.ts';
import { type Clock, seconds, systemClock } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { metricsPage } from '#lib/run/metrics.ts';
import { systemRandom } from '#lib/run/random.ts';
import { a, cname, FakeNameServer, mx, NXDOMAIN, SERVFAIL, soa, txt, type Zone } from './fake-name-server.ts';
import { MOST_ALIASES } from './lookup.ts';
import { resolverContract } from './resolver.contract.ts';
import { resolverOn } from './resolver.ts';
import { openStub, type Stub } from './stub.ts';

const opened: { close(): void }[] = [];
afterEach(() => {
  for (const it of opened.splice(0)) it.close();
});

function adopt<T extends { close(): void }>(it: T): T {
  opened.push(it);
  return it;
}

const listen = async (zone: Zone): Promise<FakeNameServer> => adopt(await FakeNameServer.listen(zone));

const stubOf = (servers: readonly FakeNameServer[], clock: Clock = systemClock): Stub =>
  adopt(openStub({ clock, random: systemRandom, servers: servers.map((it) => it.server) }));

const ADDRESS = { kind: 'found', records: [{ data: '192.0.2.1' }] };
const ASKED = { name: 'a.test', type: 'A' } as const;

resolverContract('stub', async (zone) => resolverOn(stubOf([await listen(zone)]).lookUp));

describe('a stub resolver', () => {
  test('asks from another port, with another id, each time', async () => {
    const server = await listen(() => ({ answers: [] }));
    const { lookUp } = stubOf([server]);
    for (let at = 0; at < 20; at += 1) await lookUp({ name: `a${at}.test`, type: 'A' });
    expect(new Set(server.asked.map((it) => it.id)).size).toBeGreaterThan(15);
    expect(new Set(server.asked.map((it) => it.port)).size).toBeGreaterThan(15);
  });

  test('asks by TCP when a datagram was too small', async () => {
    const large = 'x'.repeat(200).repeat(300);
    const strings = large.match(/.{1,200}/g) ?? [];
    const server = await listen(({ by }) => (by === 'udp' ? { tc: true } : { answers: [txt('a.test', strings)] }));
    const answer = await resolverOn(stubOf([server]).lookUp).txt('a.test');
    expect(answer).toEqual({ kind: 'found', texts: [large] });
    expect(server.asked.map((it) => it.by)).toEqual(['udp', 'tcp']);
  });

  test('C02: takes half a length by TCP for no answer', async () => {
    const server = await listen(({ by }) => (by === 'udp' ? { tc: true } : {}));
    server.tcp = 'breaks';
    expect(await stubOf([server]).lookUp(ASKED)).toEqual({ kind: 'temporary', reason: 'closed by the server' });
  });

  test('follows an alias that the resolver left open', async () => {
    const server = await listen(({ name }) => ({
      answers: name === 'a.test' ? [cname('a.test', 'b.test', 5)] : [a('b.test', '192.0.2.1')],
    }));
    expect(await stubOf([server]).lookUp(ASKED)).toMatchObject({ ...ADDRESS, ttl: seconds(5) });
  });

  test('C02: follows a few aliases and no more', async () => {
    const next = (name: string): string => `c${Number(/\d+/.exec(name)?.[0] ?? 0) + 1}.test`;
    const server = await listen(({ name }) => ({ answers: [cname(name, next(name))] }));
    expect(await stubOf([server]).lookUp(ASKED)).toMatchObject({ kind: 'temporary' });
    expect(server.asked).toHaveLength(MOST_ALIASES + 1);
  });

  test('C02: leaves a circle of aliases', async () => {
    const server = await listen(({ name }) => ({ answers: [cname(name, name === 'a.test' ? 'b.test' : 'a.test')] }));
    expect(await stubOf([server]).lookUp(ASKED)).toMatchObject({ kind: 'temporary' });
    expect(server.asked.length).toBeLessThanOrEqual(2);
  });

  test('tells what the resolver has validated', async () => {
    const server = await listen(({ name }) => ({ ad: name === 'a.test', answers: [a(name, '192.0.2.1')] }));
    const { lookUp } = stubOf([server]);
    expect(await lookUp(ASKED)).toMatchObject({ isAuthenticated: true });
    expect(await lookUp({ name: 'b.test', type: 'A' })).toMatchObject({ isAuthenticated: false });
  });

  test('keeps an answer, and does not ask twice at once', async () => {
    const server = await listen(() => ({ answers: [a('a.test', '192.0.2.1')] }));
    const { lookUp } = stubOf([server]);
    await Promise.all([lookUp(ASKED), lookUp(ASKED)]);
    await lookUp(ASKED);
    expect(server.asked).toHaveLength(1);
  });

  test('does not ask for what is no name', async () => {
    const server = await listen(() => ({ answers: [] }));
    expect(await stubOf([server]).lookUp({ name: 'a..b', type: 'A' })).toMatchObject({ kind: 'no-such-name' });
    expect(server.asked).toEqual([]);
  });
});

describe('C04: a forged answer is counted and ignored:', () => {
  const swap = (bytes: Buffer, at: number, xor: number): Buffer => {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ xor;
    return changed;
  };

  test.each<[string, string, (answer: Buffer) => Buffer]>([
    ['another id', 'id', (it) => swap(it, 1, 1)],
    ['another question', 'question', (it) => swap(it, 13, 1)],
    ['a query', 'malformed', (it) => swap(it, 2, 0x80)],
    ['cut off', 'malformed', (it) => it.subarray(0, 20)],
    ['noise', 'malformed', () => systemRandom.bytes(5)],
  ])('%s', async (_, because, forge) => {
    const before = await ignored(because);
    const server = await listen(() => ({
      answers: [a('a.test', '192.0.2.1')],
      forge: (answer) => [forge(answer), answer],
    }));
    expect(await stubOf([server]).lookUp(ASKED)).toMatchObject(ADDRESS);
    expect(await ignored(because)).toBe(before + 1);
  });

  test('records nobody asked for', async () => {
    const before = await ignored('record');
    const server = await listen(() => ({ answers: [a('bank.test', '6.6.6.6'), a('a.test', '192.0.2.1')] }));
    const found = await stubOf([server]).lookUp(ASKED);
    expect(found.kind === 'found' && found.records.map((it) => it.data)).toEqual(['192.0.2.1']);
    expect(await ignored('record')).toBe(before + 1);
  });

  test('from another port, which the system keeps away', async () => {
    const forger = adopt(createSocket('udp4'));
    forger.bind(0, '127.0.0.1');
    await once(forger, 'listening');
    const clock = new FakeClock();
    const server = await listen(() => (server.asked.length < 2 ? undefined : { answers: [a('a.test', '192.0.2.1')] }));
    const answer = stubOf([server], clock).lookUp(ASKED);
    const [first] = await until('a question', () => (server.asked.length > 0 ? server.asked : undefined));
    forger.send(forgedFor(first?.bytes ?? Buffer.alloc(0)), first?.port ?? 0, '127.0.0.1');
    // When the forger hears itself, what it sent before has arrived too.
    forger.send('heard', forger.address().port, '127.0.0.1');
    await once(forger, 'message');
    clock.advance(seconds(2));
    expect(await answer).toMatchObject(ADDRESS);
  });

  /** Id and question as they were, an answer's flags, and the record the forger wants. */
  function forgedFor(question: Buffer): Buffer {
    const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 6, 6, 6, 6]);
    const forged = Buffer.concat([question.subarray(0, 24), record]);
    forged.writeUInt16BE(0x8180, 2);
    forged.writeUInt32BE(0x0001_0000, 6);
    forged.writeUInt16BE(0, 10);
    return forged;
  }

  async function ignored(because: string): Promise<number> {
    const { text } = await metricsPage();
    return Number(
      new RegExp(`^postfleet_dns_ignored_total\\{because="${because}"\\} (\\d+)`, 'm').exec(text)?.[1] ?? 0,
    );
  }
});

describe('of several resolvers', () => {
  test('the next is asked when one fails, and first from then on', async () => {
    const broken = await listen(() => ({ rcode: SERVFAIL }));
    const good = await listen(({ name }) => ({ answers: [a(name, '192.0.2.1')] }));
    const { lookUp } = stubOf([broken, good]);
    expect(await lookUp(ASKED)).toMatchObject(ADDRESS);
    expect(await lookUp({ name: 'b.test', type: 'A' })).toMatchObject(ADDRESS);
    expect([broken.asked.length, good.asked.length]).toEqual([1, 2]);
  });

  test('the next is asked when nobody listens at one', async () => {
    const gone = await FakeNameServer.listen(() => ({}));
    gone.close();
    const good = await listen(({ name }) => ({ answers: [a(name, '192.0.2.1')] }));
    expect(await stubOf([gone, good]).lookUp(ASKED)).toMatchObject(ADDRESS);
  });

  test('one that cannot even be asked is passed over', async () => {
    const good = await listen(({ name }) => ({ answers: [a(name, '192.0.2.1')] }));
    const servers = [{ address: '127.0.0.1', port: 70_000 }, good.server];
    const stub = adopt(openStub({ clock: systemClock, random: systemRandom, servers }));
    expect(await stub.lookUp(ASKED)).toMatchObject(ADDRESS);
  });

  test('C03: all that fail together make a failure that passes', async () => {
    const servers = [await listen(() => ({ rcode: SERVFAIL })), await listen(() => ({ rcode: 5 }))];
    expect(await stubOf(servers).lookUp(ASKED)).toEqual({ kind: 'temporary', reason: 'REFUSED' });
    expect(servers.map((it) => it.asked.length)).toEqual([1, 1]);
  });

  test('a definite "no" of one is the answer', async () => {
    const other = await listen(() => ({ answers: [a('a.test', '192.0.2.1')] }));
    const first = await listen(() => ({ rcode: NXDOMAIN, authorities: [soa('test', 60)] }));
    expect(await stubOf([first, other]).lookUp(ASKED)).toMatchObject({ kind: 'no-such-name', ttl: seconds(60) });
    expect(other.asked).toEqual([]);
  });
});

describe('a resolver that is silent', () => {
  test('is asked again with more patience, three times in ten seconds', async () => {
    const clock = new FakeClock();
    const server = await listen(() => undefined);
    const answer = stubOf([server], clock).lookUp(ASKED);
    for (const [at, patience] of [2, 3, 5].entries()) {
      await until('a question', () => server.asked.length > at);
      clock.advance(seconds(patience));
    }
    expect(await answer).toEqual({ kind: 'temporary', reason: 'timeout' });
    expect(server.asked).toHaveLength(3);
    expect(clock.timers).toBe(0);
  });

  test('may answer late', async () => {
    const clock = new FakeClock();
    const server = await listen(({ name }) =>
      server.asked.length < 2 ? undefined : { answers: [a(name, '192.0.2.1')] },
    );
    const answer = stubOf([server], clock).lookUp(ASKED);
    await until('a question', () => server.asked.length > 0);
    clock.advance(seconds(2));
    expect(await answer).toMatchObject(ADDRESS);
  });

  test('C02: costs its time also when it drips by TCP', async () => {
    const clock = new FakeClock();
    const server = await listen(({ by }) => (by === 'udp' ? { tc: true } : {}));
    server.tcp = 'stalls';
    const answer = stubOf([server], clock).lookUp(ASKED);
    for (const [at, patience] of [2, 3, 5].entries()) {
      await until('a question by TCP', () => server.asked.filter((it) => it.by === 'tcp').length > at);
      clock.advance(seconds(patience));
    }
    expect(await answer).toEqual({ kind: 'temporary', reason: 'timeout' });
    expect(clock.timers).toBe(0);
  });

  test('is no longer waited for when the stub is closed', async () => {
    const server = await listen(() => undefined);
    const stub = stubOf([server]);
    const answer = stub.lookUp({ name: 'a.test', type: 'MX' });
    await until('a question', () => server.asked.length > 0);
    stub.close();
    expect(await answer).toEqual({ kind: 'temporary', reason: 'closed' });
  });
});

test('C02: of two thousand mail hosts two hundred are known', async () => {
  const hosts = Array.from({ length: 2000 }, (_, at) => mx('a.test', at, `m${at}.test`));
  const server = await listen(({ by }) => (by === 'udp' ? { tc: true } : { answers: hosts }));
  const answer = await resolverOn(stubOf([server]).lookUp).mx('a.test');
  expect(answer.kind === 'found' && answer.records).toHaveLength(200);
});
