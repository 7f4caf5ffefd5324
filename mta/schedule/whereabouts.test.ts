import { beforeEach, expect, test } from 'vitest';
import type { MxAnswer } from '#lib/dns/resolver.ts';
import { minutes, seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { MOST_ASKED, Whereabouts } from './whereabouts.ts';

let clock: FakeClock;
let answer: MxAnswer;
let asked: string[];
let whereabouts: Whereabouts;

beforeEach(() => {
  clock = new FakeClock();
  asked = [];
  const mx = async (domain: string): Promise<MxAnswer> => {
    asked.push(domain);
    return answer;
  };
  whereabouts = new Whereabouts({ clock, resolver: { mx } });
});

async function found(domain: string): Promise<readonly string[]> {
  const first = whereabouts.of(domain);
  if (!(first instanceof Promise)) return first;
  await first;
  const hosts = whereabouts.of(domain);
  if (hosts instanceof Promise) throw new Error('still unknown');
  return hosts;
}

const records = (...exchanges: readonly string[]): MxAnswer => ({
  kind: 'found',
  records: exchanges.map((exchange) => ({ preference: 10, exchange })),
});

test.each<[string, MxAnswer, readonly string[]]>([
  ['its exchangers, in order', records('mx2.test', 'mx1.test'), ['mx1.test', 'mx2.test']],
  ['each once', records('mx.test', 'mx.test'), ['mx.test']],
  ['the domain itself when it has no MX', { kind: 'none' }, ['d.test']],
  ['nothing for a null MX', records(''), []],
  ['nothing when it does not exist', { kind: 'no-such-name' }, []],
  ['nothing when nobody can say', { kind: 'temporary', reason: 'timeout' }, []],
])('a domain’s hosts are %s', async (_, given, hosts) => {
  answer = given;
  expect(await found('d.test')).toEqual(hosts);
});

test('an address literal is its own host, without DNS', () => {
  expect(whereabouts.of('[192.0.2.1]')).toEqual(['[192.0.2.1]']);
  expect(asked).toEqual([]);
});

test('a domain is asked for once, however many want to know', async () => {
  answer = records('mx.test');
  await Promise.all([whereabouts.of('d.test'), whereabouts.of('d.test')]);
  await found('d.test');
  expect(asked).toEqual(['d.test']);
});

test('of thousands of domains some are asked for at a time, and the others when those are known', async () => {
  let underWay = 0;
  let most = 0;
  const mx = async (): Promise<MxAnswer> => {
    most = Math.max(most, (underWay += 1));
    await new Promise(setImmediate);
    underWay -= 1;
    return records('mx.test');
  };
  const domains = Array.from({ length: 1000 }, (_, at) => `d${at}.test`);
  whereabouts = new Whereabouts({ clock, resolver: { mx } });
  await Promise.all(domains.map(async (it) => whereabouts.of(it)));
  expect([most, domains.map((it) => whereabouts.of(it))]).toEqual([MOST_ASKED, domains.map(() => ['mx.test'])]);
});

test('what was found holds for a minute, what was not for a quarter of one', async () => {
  answer = { kind: 'temporary', reason: 'timeout' };
  await found('d.test');
  clock.advance(seconds(15));
  answer = records('mx.test');
  await found('d.test');
  clock.advance(minutes(1) - 1);
  await found('d.test');
  expect(asked).toHaveLength(2);
  clock.advance(1);
  answer = records('mx.elsewhere.test');
  expect(await found('d.test')).toEqual(['mx.elsewhere.test']);
});

test('what was known last is at hand while it is asked anew', async () => {
  answer = records('mx.test');
  expect(whereabouts.last('d.test')).toEqual([]);
  await found('d.test');
  clock.advance(minutes(2));
  expect(whereabouts.of('d.test')).toBeInstanceOf(Promise);
  expect(whereabouts.last('d.test')).toEqual(['mx.test']);
  expect(whereabouts.last('[192.0.2.1]')).toEqual(['[192.0.2.1]']);
});

test('while more are asked for than may be at a time, what was found holds for ten minutes', async () => {
  const held = Promise.withResolvers<void>();
  let isMany = false;
  const mx = async (): Promise<MxAnswer> => {
    if (isMany) await held.promise;
    return records('mx.test');
  };
  whereabouts = new Whereabouts({ clock, resolver: { mx } });
  await found('d.test');
  clock.advance(minutes(9));
  isMany = true;
  const others = Array.from({ length: MOST_ASKED }, async (_, at) => whereabouts.of(`d${at}.test`));
  expect(whereabouts.of('d.test')).toBeInstanceOf(Promise);
  expect(whereabouts.of('d.test')).toEqual(['mx.test']);
  clock.advance(minutes(1));
  expect(whereabouts.of('d.test')).toBeInstanceOf(Promise);
  held.resolve();
  await Promise.all(others);
  expect(await found('d.test')).toEqual(['mx.test']);
});
