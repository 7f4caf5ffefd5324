import { describe, expect, test } from 'vitest';
import type { AddressAnswer, MxAnswer, Resolver } from '#lib/dns/resolver.ts';
import { seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { type Random, seededRandom } from '#lib/run/random.ts';
import { type Destination, familiesOf, resolve } from './resolve.ts';

/** A zone: `MX name` and `name`; what is not in it does not exist. */
interface Zone {
  readonly mx?: Record<string, [preference: number, exchange: string][] | Exclude<MxAnswer['kind'], 'found'>>;
  readonly hosts?: Record<string, string[] | Exclude<AddressAnswer['kind'], 'found'>>;
}

type MailResolver = Pick<Resolver, 'mx' | 'addresses'>;

function resolverOf(zone: Zone): MailResolver & { asked: string[] } {
  const asked: string[] = [];
  const none = (kind: 'none' | 'no-such-name' | 'temporary' = 'no-such-name') =>
    kind === 'temporary' ? { kind, reason: 'ESERVFAIL' } : { kind };
  return {
    asked,
    mx: async (domain) => {
      asked.push(`MX ${domain}`);
      const found = zone.mx?.[domain];
      if (!Array.isArray(found)) return none(found);
      return { kind: 'found', records: found.map(([preference, exchange]) => ({ preference, exchange })) };
    },
    addresses: async (host) => {
      asked.push(host);
      const found = zone.hosts?.[host];
      return Array.isArray(found) ? { kind: 'found', addresses: found } : none(found);
    },
  };
}

/** Chooses in a way that leaves the order of equals as it is. */
const unshuffled: Random = { bytes: (length) => Buffer.alloc(length), fraction: () => 1 - Number.EPSILON };

const destinationOf = (destination: Partial<Destination>): Destination => ({
  domain: 'example.net',
  routes: [],
  families: [4, 6],
  allowPrivate: [],
  own: NOWHERE,
  ...destination,
});

const NOWHERE = { names: new Set<string>(), addresses: new Set<string>() };

/** Targets as `host address port`, or the reply as `code status`. */
async function outcome(
  zone: Zone,
  destination: Partial<Destination> = {},
  random = unshuffled,
): Promise<string[] | string> {
  const resolution = await resolve(destinationOf(destination), {
    resolver: resolverOf(zone),
    clock: new FakeClock(),
    random,
  });
  if (resolution.kind === 'unroutable') return `${resolution.reply.code} ${resolution.reply.enhanced}`;
  return resolution.targets.map((it) => `${it.host} ${it.address} ${it.port}${it.named ? ' named' : ''}`);
}

describe('the way to a domain', () => {
  test('goes by preference', async () => {
    const zone: Zone = {
      mx: { 'example.net': [[20, 'b'], [10, 'a'], [30, 'c']] }, // prettier-ignore
      hosts: { a: ['1.1.1.1'], b: ['1.1.1.2'], c: ['1.1.1.3'] },
    };
    expect(await outcome(zone)).toEqual(['a 1.1.1.1 25', 'b 1.1.1.2 25', 'c 1.1.1.3 25']);
  });

  test('by host is one address of each, so that more hosts have their turn', async () => {
    const zone: Zone = {
      mx: { 'example.net': [[10, 'a'], [20, 'b'], [30, 'c']] }, // prettier-ignore
      hosts: { a: ['1.1.1.1', '2606::1', '1.1.1.2', '1.1.1.3', '1.1.1.4'], b: ['2606::2', '1.1.1.5'], c: ['2606::3'] },
    };
    expect(await outcome(zone, { isByHost: true })).toEqual(['a 1.1.1.1 25', 'b 1.1.1.5 25', 'c 2606::3 25']);
  });

  test('says what is missing when DNS does not tell of a host', async () => {
    const mx: Zone['mx'] = { 'example.net': [[10, 'a'], [20, 'b']] }; // prettier-ignore
    const resolved = async (hosts: NonNullable<Zone['hosts']>) =>
      resolve(destinationOf({}), { resolver: resolverOf({ mx, hosts }), clock: new FakeClock(), random: unshuffled });
    expect(await resolved({ a: ['1.1.1.1'], b: 'temporary' })).toMatchObject({
      kind: 'targets',
      targets: [{ host: 'a' }],
      missing: { code: 451, enhanced: '4.4.3' },
    });
    expect(await resolved({ a: ['1.1.1.1'], b: 'none' })).not.toHaveProperty('missing');
  });

  test('shuffles the addresses of equals, and only those', async () => {
    const zone: Zone = {
      mx: { 'example.net': [[10, 'a'], [10, 'b'], [20, 'c']] }, // prettier-ignore
      hosts: { a: ['1.1.1.1', '1.1.1.2'], b: ['1.1.1.3'], c: ['1.1.1.4'] },
    };
    const firsts = new Set<string | undefined>();
    for (let seed = 0; seed < 50; seed += 1) {
      const targets = await outcome(zone, {}, seededRandom(seed));
      expect(new Set(targets)).toEqual(new Set(['a 1.1.1.1 25', 'a 1.1.1.2 25', 'b 1.1.1.3 25', 'c 1.1.1.4 25']));
      expect(targets.at(-1)).toBe('c 1.1.1.4 25');
      firsts.add(targets[0]);
    }
    expect(firsts.size).toBe(3);
  });

  test.each<[string, Zone, string[] | string]>([
    ['no MX: the domain itself', { mx: { 'example.net': 'none' }, hosts: { 'example.net': ['1.1.1.1'] } }, ['example.net 1.1.1.1 25']],
    ['no MX and no address', { mx: { 'example.net': 'none' }, hosts: { 'example.net': 'none' } }, '550 5.1.2'],
    ['no MX, address unknown for now', { mx: { 'example.net': 'none' }, hosts: { 'example.net': 'temporary' } }, '451 4.4.3'],
    ['C03: no such domain', {}, '550 5.1.2'],
    ['C03: MX unknown for now', { mx: { 'example.net': 'temporary' } }, '451 4.4.3'],
    ['C03: null MX', { mx: { 'example.net': [[0, '']] }, hosts: { 'example.net': ['1.1.1.1'] } }, '556 5.1.10'],
    ['null MX beside a real one', { mx: { 'example.net': [[0, ''], [10, 'a']] }, hosts: { a: ['1.1.1.1'] } }, ['a 1.1.1.1 25']],
    ['MX without address is no reason to take A', { mx: { 'example.net': [[10, 'a']] }, hosts: { 'example.net': ['1.1.1.1'] } }, '451 4.4.4'],
    ['MX whose address is unknown for now', { mx: { 'example.net': [[10, 'a'], [20, 'b']] }, hosts: { a: 'temporary' } }, '451 4.4.3'],
    ['one MX of two resolves', { mx: { 'example.net': [[10, 'a'], [20, 'b']] }, hosts: { b: ['1.1.1.1'] } }, ['b 1.1.1.1 25']],
    ['C01: private addresses only', { mx: { 'example.net': [[10, 'a']] }, hosts: { a: ['127.0.0.1', '::ffff:10.0.0.1'] } }, '550 5.4.4'],
    ['C01: a private address first', { mx: { 'example.net': [[10, 'a'], [20, 'b']] }, hosts: { a: ['10.0.0.1'], b: ['1.1.1.1'] } }, ['b 1.1.1.1 25']],
    ['a private address beside a host that may be mended', { mx: { 'example.net': [[10, 'a'], [20, 'b']] }, hosts: { a: ['10.0.0.1'], b: 'none' } }, '451 4.4.4'],
    ['C01: an MX that is written as an address', { mx: { 'example.net': [[10, '1.1.1.1'], [20, '0127.0.0.1']] } }, '451 4.4.4'],
    ['private beside unknown for now', { mx: { 'example.net': [[10, 'a'], [20, 'b']] }, hosts: { a: ['10.0.0.1'], b: 'temporary' } }, '451 4.4.3'],
    ['C01: the implicit MX is private', { mx: { 'example.net': 'none' }, hosts: { 'example.net': ['169.254.169.254'] } }, '550 5.4.4'],
    ['IPv4 before IPv6 of the same preference', { mx: { 'example.net': [[10, 'a'], [20, 'b']] }, hosts: { a: ['2606::1', '1.1.1.1'], b: ['1.1.1.2'] } }, ['a 1.1.1.1 25', 'a 2606::1 25', 'b 1.1.1.2 25']],
  ])('%s', async (_, zone, expected) => expect(await outcome(zone)).toEqual(expected)); // prettier-ignore

  test.each<[string, Partial<Destination>, string[] | string]>([
    ['routes by address', { routes: [{ host: '127.0.0.1', port: 2525 }, { host: '::1', port: 26 }] }, ['127.0.0.1 127.0.0.1 2525 named', '::1 ::1 26 named']],
    ['a route by name', { routes: [{ host: 'Relay', port: 2525 }] }, ['relay 10.0.0.1 2525 named', 'relay fd00::1 2525 named']],
    ['a route nobody knows', { routes: [{ host: 'lost', port: 25 }] }, '451 4.4.4'],
    ['a route beside one nobody knows', { routes: [{ host: 'lost', port: 25 }, { host: 'relay', port: 25 }] }, ['relay 10.0.0.1 25 named', 'relay fd00::1 25 named']],
    ['only the families of the source', { routes: [{ host: 'relay', port: 25 }], families: [6] }, ['relay fd00::1 25 named']],
    ['none of the families of the source', { routes: [{ host: '127.0.0.1', port: 25 }], families: [6] }, '451 4.4.4'],
    ['an allowed private network', { domain: 'inside.example', allowPrivate: ['10.0.0.0/8'] }, ['relay 10.0.0.1 25']],
    ['a public address literal', { domain: '[1.1.1.1]' }, ['1.1.1.1 1.1.1.1 25']],
    ['an IPv6 address literal', { domain: '[IPv6:2606::1]' }, ['2606::1 2606::1 25']],
    ['C01: a private address literal', { domain: '[127.0.0.1]' }, '550 5.4.4'],
    ['a bad address literal', { domain: '[example.net]' }, '550 5.1.2'],
  ])('%s', async (_, destination, expected) => {
    const zone: Zone = { mx: { 'inside.example': [[10, 'relay']] }, hosts: { relay: ['10.0.0.1', 'fd00::1'] } };
    expect(await outcome(zone, destination)).toEqual(expected);
  }); // prettier-ignore

  test('keeps to the families of the source', async () => {
    const zone: Zone = {
      mx: { 'example.net': [[10, 'a'], [20, 'b']] }, // prettier-ignore
      hosts: { a: ['10.0.0.1'], b: ['2606::1'] },
    };
    expect(await outcome(zone, { families: [6] })).toEqual(['b 2606::1 25']);
    // A source with IPv6 could reach b, so nothing is final.
    expect(await outcome(zone, { families: [4] })).toBe('451 4.4.4');
  });

  test('does not ask for MX when there is a route', async () => {
    const resolver = resolverOf({ hosts: { relay: ['1.1.1.1'] } });
    const routed = destinationOf({ routes: [{ host: 'relay', port: 25 }] });
    await resolve(routed, { resolver, clock: new FakeClock(), random: unshuffled });
    expect(resolver.asked).toEqual(['relay']);
  });

  test('C02: a hostile zone costs twenty look-ups and gives five targets', async () => {
    const count = (length: number): number[] => Array.from({ length }, (_, at) => at);
    const many = count(1000).map((at) => `1.1.${at >> 8}.${at & 255}`);
    const resolver: MailResolver & { asked: number } = {
      asked: 0,
      mx: async () => ({
        kind: 'found',
        records: count(10_000).map((at) => ({ preference: 10, exchange: `mx${at}` })),
      }),
      addresses: async () => {
        resolver.asked += 1;
        return { kind: 'found', addresses: many };
      },
    };
    const setup = { resolver, clock: new FakeClock(), random: seededRandom(1) };
    const resolution = await resolve(destinationOf({}), setup);
    expect(resolver.asked).toBe(20);
    expect(resolution.kind === 'targets' && resolution.targets.length).toBe(5);
  });
});

describe('C03: where we take mail ourselves', () => {
  const own = { names: new Set(['mta.test']), addresses: new Set(['1.1.1.9']) };
  const hosts = { a: ['1.1.1.1'], b: ['1.1.1.2'], us: ['1.1.1.9'], 'mta.test': ['1.1.1.8'], lost: 'none' as const };
  test.each<[string, [number, string][], string[] | string]>([
    ['the name is ours', [[10, 'mta.test']], '550 5.4.6'],
    ['the address is ours', [[10, 'us']], '550 5.4.6'],
    ['we are behind another', [[10, 'a'], [20, 'mta.test'], [30, 'b']], ['a 1.1.1.1 25']],
    ['our address is behind another', [[10, 'a'], [20, 'us'], [30, 'b']], ['a 1.1.1.1 25']],
    ['we are before another', [[10, 'us'], [20, 'a']], '550 5.4.6'],
    ['we are an equal of another', [[10, 'us'], [10, 'a']], '550 5.4.6'],
    ['who is before us has no address now', [[10, 'lost'], [20, 'mta.test']], '451 4.4.4'],
  ])('%s', async (_, mx, expected) => {
    expect(await outcome({ mx: { 'example.net': mx }, hosts }, { own })).toEqual(expected);
  }); // prettier-ignore

  test('an operator may route there', async () => {
    expect(await outcome({ hosts }, { own, routes: [{ host: 'us', port: 2525 }] })).toEqual(['us 1.1.1.9 2525 named']);
  });

  test('an address literal leads there as well', async () => {
    expect(await outcome({}, { own, domain: '[1.1.1.9]' })).toBe('550 5.4.6');
  });
});

describe('C02: slow DNS', () => {
  const never = new Promise<never>(() => undefined);

  test.each([
    ['for MX', { mx: async () => never, addresses: async () => never }],
    ['for every host', { mx: async () => mxOf('slow'), addresses: async () => never }],
  ])('%s defers after ten seconds', async (_, resolver) => {
    const clock = new FakeClock();
    const resolution = resolve(destinationOf({}), { resolver, clock, random: unshuffled });
    clock.advance(seconds(10));
    expect(await resolution).toMatchObject({ kind: 'unroutable', reply: { code: 451, enhanced: '4.4.4' } });
    expect(clock.timers).toBe(0);
  });

  test('for one host keeps nobody from the others', async () => {
    const clock = new FakeClock();
    const resolver: MailResolver = {
      mx: async () => mxOf('slow', 'quick'),
      addresses: async (host) => (host === 'slow' ? never : { kind: 'found', addresses: ['1.1.1.1'] }),
    };
    const resolution = resolve(destinationOf({}), { resolver, clock, random: unshuffled });
    // MX and the quick host have been answered by then.
    await new Promise((resolved) => setImmediate(resolved));
    clock.advance(seconds(10));
    expect(await resolution).toMatchObject({ kind: 'targets', targets: [{ host: 'quick' }] });
  });

  const mxOf = (...exchanges: string[]): MxAnswer => ({
    kind: 'found',
    records: exchanges.map((exchange) => ({ preference: 10, exchange })),
  });
});

describe('the families of a source', () => {
  test.each([
    ['', [4, 6]],
    ['192.0.2.1', [4]],
    ['2001:db8::1', [6]],
  ])('%j has %j', (address, families) => expect(familiesOf(address)).toEqual(families));
});
