import { expect, test, vi } from 'vitest';
import type { Lookup } from '#lib/dns/lookup.ts';
import type { Question } from '#lib/dns/message.ts';
import { hours, minutes } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { ReverseLooks } from './reverse-looks.ts';

const KEY = 'mail/main';
const ADDRESSES = ['192.0.2.1'];

/** Looks at a name server that says `mx.example.net` of every address while it has a name, or cannot be asked. */
function looks() {
  const clock = new FakeClock();
  const looked = vi.fn();
  const dns = { state: 'named' as 'named' | 'nameless' | 'down', asked: 0 };
  const lookUp = async ({ name, type }: Question): Promise<Lookup> => {
    dns.asked += 1;
    if (dns.state === 'down') return { kind: 'temporary', reason: 'timeout' };
    const data = type === 'PTR' ? 'mx.example.net' : type === 'A' ? '192.0.2.1' : undefined;
    if (data === undefined || dns.state === 'nameless') return { kind: 'no-such-name', ttl: 0, isAuthenticated: false };
    const records = [{ name, type, ttl: 0, data, preference: 0 }];
    return { kind: 'found', records, ttl: 0, isAuthenticated: false, bytes: 0 };
  };
  const all = new ReverseLooks({ clock, lookUp, looked });
  /** Lets a look that is due be made. */
  const look = async (addresses = ADDRESSES) => {
    const before = looked.mock.calls.length;
    all.of(KEY, addresses);
    await vi.waitFor(() => expect(looked.mock.calls.length).toBe(before + 1));
    return all.of(KEY, addresses);
  };
  return { clock, dns, all, look, looked };
}

test('the first look is told when it has ended, and another is made in an hour', async () => {
  const { clock, dns, all, look } = looks();
  expect(all.of(KEY, ADDRESSES).found).toBeUndefined();
  const { found, again } = await look();
  expect([found?.get('192.0.2.1'), again]).toEqual([{ kind: 'confirmed', name: 'mx.example.net' }, hours(1)]);
  const { asked } = dns;
  clock.advance(hours(1) - 1);
  all.of(KEY, ADDRESSES);
  expect(dns.asked).toBe(asked);
  clock.advance(1);
  await look();
  expect(dns.asked).toBeGreaterThan(asked);
});

test('what is not as it should be is looked at each minute, and what is new at once', async () => {
  const { clock, dns, look } = looks();
  dns.state = 'nameless';
  expect((await look()).again).toBe(minutes(1));
  clock.advance(minutes(1));
  await look();
  const { found } = await look(['192.0.2.1', '192.0.2.2']);
  expect(found?.size).toBe(2);
});

test('what cannot be said now stays as it was', async () => {
  const { clock, dns, look } = looks();
  await look();
  clock.advance(hours(1));
  dns.state = 'down';
  expect((await look()).found?.get('192.0.2.1')).toEqual({ kind: 'confirmed', name: 'mx.example.net' });
});

test('nothing is told of a pool that is no more', async () => {
  const { all, looked, look } = looks();
  all.of(KEY, ADDRESSES);
  all.drop(KEY);
  all.of('mail/other', ADDRESSES);
  await vi.waitFor(() => expect(looked).toHaveBeenCalledWith('mail/other'));
  expect(looked).not.toHaveBeenCalledWith(KEY);
  await look();
});
