import { expect, test, vi } from 'vitest';
import type { Lookup } from '#lib/dns/lookup.ts';
import type { Question } from '#lib/dns/message.ts';
import { sample } from '#crds/sample.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { hours, minutes } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { resourceIn } from '../typed.ts';
import { DnsLooks } from './dns-looks.ts';

const ADDRESSES = ['192.0.2.1'];
const LIST = 'bl.example';

function pool(addresses: readonly string[], dnsbls: readonly string[] = [], name = 'main') {
  const members = addresses.map((address, at) => ({ name: `m${at}`, address }));
  const document = sample('IPPool', { members, health: { dnsbls } }, { name, namespace: 'mail' });
  const made = resourceIn(document as unknown as KubeObject, 'IPPool');
  if (!made) throw new Error('not valid');
  return made;
}

/** Looks at a name server that says `mx.example.net` of every address while it has a name, or cannot be asked. */
function looks() {
  const clock = new FakeClock();
  const looked = vi.fn();
  const dns = { state: 'named' as 'named' | 'nameless' | 'down', isListed: false, asked: 0 };
  const lookUp = async ({ name, type }: Question): Promise<Lookup> => {
    dns.asked += 1;
    if (dns.state === 'down') return { kind: 'temporary', reason: 'timeout' };
    const isAskedOfList = name.endsWith(LIST);
    if (isAskedOfList && (!dns.isListed || name.startsWith('1.0.0.127')))
      return { kind: 'no-such-name', ttl: 0, isAuthenticated: false };
    const host = isAskedOfList ? '127.0.0.2' : '192.0.2.1';
    const data = type === 'PTR' ? 'mx.example.net' : type === 'A' ? host : undefined;
    if (data === undefined || dns.state === 'nameless') return { kind: 'no-such-name', ttl: 0, isAuthenticated: false };
    const records = [{ name, type, ttl: 0, data, preference: 0 }];
    return { kind: 'found', records, ttl: 0, isAuthenticated: false, bytes: 0 };
  };
  const all = new DnsLooks({ clock, lookUp, looked });
  /** Lets a look that is due be made. */
  const look = async (addresses = ADDRESSES, dnsbls: readonly string[] = []) => {
    const before = looked.mock.calls.length;
    const of = pool(addresses, dnsbls);
    all.of(of);
    await vi.waitFor(() => expect(looked.mock.calls.length).toBe(before + 1));
    return all.of(of);
  };
  return { clock, dns, all, look, looked };
}

test('the first look is told when it has ended, and another is made in an hour', async () => {
  const { clock, dns, all, look } = looks();
  expect(all.of(pool(ADDRESSES)).reverses).toBeUndefined();
  const { reverses, again } = await look();
  expect([reverses?.get('192.0.2.1'), again]).toEqual([{ kind: 'confirmed', name: 'mx.example.net' }, hours(1)]);
  const { asked } = dns;
  clock.advance(hours(1) - 1);
  all.of(pool(ADDRESSES));
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
  const { reverses } = await look(['192.0.2.1', '192.0.2.2']);
  expect(reverses?.size).toBe(2);
});

test('what cannot be said now stays as it was', async () => {
  const { clock, dns, look } = looks();
  await look();
  clock.advance(hours(1));
  dns.state = 'down';
  expect((await look()).reverses?.get('192.0.2.1')).toEqual({ kind: 'confirmed', name: 'mx.example.net' });
});

test('nothing is told of a pool that is no more', async () => {
  const { all, looked, look } = looks();
  all.of(pool(ADDRESSES));
  all.drop('mail/main');
  all.of(pool(ADDRESSES, [], 'other'));
  await vi.waitFor(() => expect(looked).toHaveBeenCalledWith('mail/other'));
  expect(looked).not.toHaveBeenCalledWith('mail/main');
  await look();
});

test('blocklists are asked every quarter of an hour, and more often while one has an address', async () => {
  const { clock, dns, all, looked } = looks();
  const of = pool(ADDRESSES, [LIST]);
  const listing = async () => {
    const before = looked.mock.calls.length;
    all.of(of);
    await vi.waitFor(() => expect(looked.mock.calls.length).toBeGreaterThan(before));
    return all.of(of).listings?.get(`${LIST} 192.0.2.1`)?.kind;
  };
  await listing();
  await vi.waitFor(() => expect(all.of(of).listings?.get(`${LIST} 192.0.2.1`)?.kind).toBe('not-listed'));
  expect(all.of(of).again).toBe(minutes(15));
  dns.isListed = true;
  clock.advance(minutes(15));
  expect(await listing()).toBe('listed');
  expect(all.of(of).again).toBe(minutes(5));
});
