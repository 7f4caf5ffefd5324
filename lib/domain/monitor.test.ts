import { describe, expect, onTestFinished, test } from 'vitest';
import { recordText } from '#lib/dkim/record.ts';
import { hours, minutes } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { seededRandom } from '#lib/run/random.ts';
import { FakeDns, type Table } from '../../test/harness/fake-dns.ts';
import { until } from '../../test/harness/until.ts';
import type { Claim } from './claim.ts';
import { DomainMonitor, type Watched } from './monitor.ts';
import { type DomainStatus, maySend, proofToPublish } from './status.ts';

const KEY = { selector: 's', record: recordText('ed25519', Buffer.alloc(32, 1)) };
const NAME = 's._domainkey.example.com TXT';
const THERE: Table = { [NAME]: [KEY.record] };

const watched = (resource = 'default/example', changes: Partial<Watched> = {}, domain = 'example.com'): Watched => ({
  resource,
  isExcused: false,
  ...changes,
  needs: {
    domain,
    keys: [KEY],
    returnPathHost: `bounce.${domain}`,
    bounceHost: 'mta.test',
    pool: { addresses: ['192.0.2.1'] },
    apexSpf: false,
    dmarc: { minimumPolicy: 'none', reportTo: [] },
  },
});

interface Opening {
  readonly table?: Table;
  /** What the domain's own servers say; absent: they are not asked. */
  readonly own?: Table;
  /** What any of these servers says; the same unless given. */
  readonly any?: Table;
  readonly kept?: Map<string, Claim>;
}

async function open({ table = {}, own, any, kept = new Map() }: Opening = {}) {
  const [clock, dns, authority] = [new FakeClock(), new FakeDns(table), new FakeDns(own)];
  const [told, faults] = [[] as DomainStatus[], [] as unknown[]];
  const disk = { broken: false };
  const monitor = await DomainMonitor.open({
    clock,
    random: seededRandom(1),
    resolver: dns,
    ...(own && { authorities: { published: authority, left: any ? new FakeDns(any) : authority } }),
    store: {
      load: async () => [...kept.values()],
      save: async (claim) => {
        if (disk.broken) throw new Error('no disk');
        kept.set(claim.resource, claim);
      },
      forget: async (resource) => void kept.delete(resource),
    },
    looked: (status) => told.push(status),
    troubled: (thrown) => faults.push(thrown),
  });
  onTestFinished(() => monitor.close());
  /** Resolves after so many looks of all domains together. */
  const looks = (count: number) => until(`${count} looks`, () => told.filter((it) => it.checkedAt).length >= count);
  return { clock, dns, authority, told, faults, disk, monitor, looks, kept };
}

const RESOURCE = 'default/example';

describe('a domain', () => {
  test('is looked at when it is declared, and every minute until its key is seen', async () => {
    const { monitor, clock, dns, looks } = await open();
    monitor.declare([watched()]);
    expect(monitor.standing(RESOURCE)).toBe('unverified');
    await looks(1);
    dns.table = THERE;
    clock.advance(minutes(0.99));
    expect(monitor.standing(RESOURCE)).toBe('unverified');
    clock.advance(minutes(0.2));
    await looks(2);
    expect(monitor.status(RESOURCE)).toMatchObject({ standing: 'verified', verifiedAt: clock.now() });
  });

  test('that is verified is looked at every hour, and stays so whatever the resolver says', async () => {
    const { monitor, clock, dns, told, looks } = await open({ table: THERE });
    monitor.declare([watched()]);
    await looks(1);
    dns.table = {};
    for (let look = 2; look < 50; look += 1) {
      clock.advance(hours(1.1));
      await looks(look);
    }
    expect(told.at(-1)).toMatchObject({ standing: 'verified' });
    expect(told.at(-1)?.conditions).toContainEqual(expect.objectContaining({ type: 'Ready', status: 'False' }));
  });

  test('loses its latch after 24 hours of contrary answers by its own servers', async () => {
    const { monitor, clock, dns, authority, told, looks } = await open({ own: THERE, table: THERE });
    monitor.declare([watched()]);
    await looks(1);
    dns.table = authority.table = {};
    let look = 1;
    while (monitor.standing(RESOURCE) === 'verified') {
      clock.advance(hours(1.1));
      await looks((look += 1));
    }
    const lasted = clock.now() - (told.find((it) => it.standing === 'verified')?.verifiedAt ?? 0);
    expect(lasted).toBeGreaterThan(hours(24));
    expect(lasted).toBeLessThan(hours(28));
  });

  test('keeps its latch while one of its own servers has the key, which is not enough to begin with', async () => {
    const { monitor, authority, clock, dns, looks } = await open({ own: {}, any: THERE });
    monitor.declare([watched()]);
    await looks(1);
    expect(monitor.standing(RESOURCE)).toBe('unverified');
    dns.table = authority.table = THERE;
    clock.advance(minutes(1.1));
    await looks(2);
    dns.table = authority.table = {};
    for (let look = 3; look < 40; look += 1) {
      clock.advance(hours(1.1));
      await looks(look);
    }
    expect(monitor.standing(RESOURCE)).toBe('verified');
  });

  test('is verified by its own servers, however long a resolver remembers that there was nothing', async () => {
    const { monitor, looks } = await open({ own: THERE, table: {} });
    monitor.declare([watched()]);
    await looks(1);
    expect(monitor.standing(RESOURCE)).toBe('verified');
  });

  test('is verified by the resolver where its own servers cannot be reached', async () => {
    const { monitor, looks } = await open({ own: { [NAME]: 'silent' }, table: THERE });
    monitor.declare([watched()]);
    await looks(1);
    expect(monitor.standing(RESOURCE)).toBe('verified');
  });

  test('that is excused may send, and is looked at only when asked', async () => {
    const { monitor, clock, dns } = await open({ table: THERE });
    monitor.declare([watched(RESOURCE, { isExcused: true })]);
    expect(dns.asked).toEqual([]);
    expect(maySend({ standing: monitor.standing(RESOURCE) ?? 'unverified' })).toBe(true);
    expect(await monitor.check(RESOURCE)).toMatchObject({ standing: 'excused', checkedAt: clock.now() });
    expect(clock.timers).toBe(0);
  });
});

test('a question now is answered by a look now, and two by one', async () => {
  const { monitor, dns, looks } = await open();
  monitor.declare([watched()]);
  await looks(1);
  dns.table = THERE;
  dns.asked.length = 0;
  const [one, other] = await Promise.all([monitor.check(RESOURCE), monitor.check(RESOURCE)]);
  expect(one).toMatchObject({ standing: 'verified' });
  expect(other).toEqual(one);
  expect(dns.asked.filter((it) => it === NAME)).toHaveLength(1);
  expect(await monitor.check('default/nobody')).toBeUndefined();
});

describe('what is known', () => {
  test('survives a restart, without any answer of DNS', async () => {
    const first = await open({ table: THERE });
    first.monitor.declare([watched()]);
    await first.looks(1);
    first.monitor.close();
    const second = await open({ table: { [NAME]: 'silent' }, kept: first.kept });
    second.monitor.declare([watched()]);
    expect(second.monitor.standing(RESOURCE)).toBe('verified');
    await second.looks(1);
    expect(second.monitor.standing(RESOURCE)).toBe('verified');
  });

  test('is forgotten with the claim', async () => {
    const { monitor, looks, kept } = await open({ table: THERE });
    monitor.declare([watched()]);
    await looks(1);
    monitor.declare([]);
    expect(monitor.status(RESOURCE)).toBeUndefined();
    expect(kept.size).toBe(0);
    monitor.declare([watched()]);
    expect(monitor.standing(RESOURCE)).toBe('unverified');
  });

  test('of a resource that now names another domain is forgotten too', async () => {
    const { monitor, looks } = await open({ table: THERE });
    monitor.declare([watched()]);
    await looks(1);
    monitor.declare([watched(RESOURCE, {}, 'other.test')]);
    expect(monitor.status(RESOURCE)).toMatchObject({ standing: 'unverified', domain: 'other.test' });
  });

  test('stays when the same is declared, and when something else of the resource changes', async () => {
    const { monitor, looks, dns } = await open({ table: THERE });
    monitor.declare([watched()]);
    await looks(1);
    const asked = dns.asked.length;
    monitor.declare([watched()]);
    expect(dns.asked).toHaveLength(asked);
    const changed = watched();
    monitor.declare([{ ...changed, needs: { ...changed.needs, returnPathHost: 'r.example.com' } }]);
    expect(monitor.standing(RESOURCE)).toBe('verified');
    await looks(2);
  });

  test('is in force when it cannot be written, and written by the next look', async () => {
    const { monitor, looks, disk, kept, faults } = await open({ table: THERE });
    disk.broken = true;
    monitor.declare([watched()]);
    await looks(1);
    expect([monitor.standing(RESOURCE), kept.size, faults.length]).toEqual(['verified', 0, 1]);
    disk.broken = false;
    await monitor.check(RESOURCE);
    expect(kept.get(RESOURCE)).toMatchObject({ latch: { verifiedAt: expect.any(Number) } });
  });
});

test('of two claims to a domain the older one whose key is seen holds', async () => {
  const { monitor, clock, looks } = await open({ table: THERE });
  const other = { selector: 'o', record: recordText('ed25519', Buffer.alloc(32, 2)) };
  const older = watched('a/example');
  const stranger = { ...older, needs: { ...older.needs, keys: [other] } };
  monitor.declare([stranger]);
  clock.advance(1);
  monitor.declare([stranger, watched('b/example')]);
  await looks(2);
  expect([monitor.standing('a/example'), monitor.standing('b/example')]).toEqual(['unverified', 'verified']);
  monitor.declare([older, watched('b/example')]);
  await looks(3);
  expect([monitor.standing('a/example'), monitor.standing('b/example')]).toEqual(['verified', 'claimed-by-another']);
  expect(monitor.counts()).toEqual({ verified: 1, unverified: 0, excused: 0, 'claimed-by-another': 1 });
});

test('many domains are looked at a few at a time', async () => {
  const { monitor, dns, looks } = await open();
  let [now, most] = [0, 0];
  dns.mx = async () => {
    most = Math.max(most, (now += 1));
    await new Promise((resolve) => setImmediate(resolve));
    now -= 1;
    return { kind: 'none' };
  };
  monitor.declare(Array.from({ length: 100 }, (_, at) => watched(`default/d${at}`, {}, `d${at}.test`)));
  await looks(100);
  expect(most).toBeLessThanOrEqual(8);
});

test('a monitor that is closed leaves no timer', async () => {
  const { monitor, clock, looks } = await open();
  monitor.declare([watched()]);
  await looks(1);
  monitor.close();
  expect(clock.timers).toBe(0);
});

test('the record that proves a domain is told whole if it is short, and without its middle if not', async () => {
  const { monitor } = await open();
  const rsa = { selector: 'r', record: recordText('rsa', Buffer.alloc(294, 3)) };
  monitor.declare([watched()]);
  const status = monitor.status(RESOURCE);
  expect(status && proofToPublish(status)).toBe(`TXT s._domainkey.example.com ${KEY.record}`);
  const long = watched();
  monitor.declare([{ ...long, needs: { ...long.needs, keys: [rsa, KEY] } }]);
  const other = monitor.status(RESOURCE);
  expect(other && proofToPublish(other)).toMatch(
    /^TXT r\._domainkey\.example\.com v=DKIM1; k=rsa; p=.{42}\.\.\..{24}$/,
  );
});
