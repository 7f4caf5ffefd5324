import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { seconds, systemClock } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { type AddressAnswer, bothFamilies, platformResolver } from './resolver.ts';

const A = 1;
const CNAME = 5;
const MX = 15;
const TXT = 16;
const AAAA = 28;
const NXDOMAIN = 3;
const SERVFAIL = 2;

/** What a zone says to `name type`: an rcode, or the data of its records; undefined stays silent. */
type Zone = (name: string, type: number) => number | Buffer[] | undefined;

const opened: { close(): void }[] = [];
afterEach(() => {
  for (const it of opened.splice(0)) it.close();
});

/** A DNS server on loopback that knows one zone; and a promise of the first question. */
async function nameServer(zone: Zone): Promise<{ server: string; asked: Promise<unknown> }> {
  const socket = createSocket('udp4');
  socket.on('message', (query, peer) => {
    const answer = respond(query, zone);
    if (answer) socket.send(answer, peer.port, peer.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  opened.push(socket);
  return { server: `127.0.0.1:${socket.address().port}`, asked: once(socket, 'message') };
}

function respond(query: Buffer, zone: Zone): Buffer | undefined {
  let at = 12;
  const labels: string[] = [];
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const type = query.readUInt16BE(at + 1);
  const result = zone(labels.join('.'), type);
  if (result === undefined) return undefined;
  const records = typeof result === 'number' ? [] : result;
  const header = Buffer.from([...query.subarray(0, 2), 0x81, typeof result === 'number' ? 0x80 | result : 0x80]);
  const counts = Buffer.from([0, 1, 0, records.length, 0, 0, 0, 0]);
  const answers = records.map((data) =>
    Buffer.concat([Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, data.length]), data]),
  );
  return Buffer.concat([header, counts, query.subarray(12, at + 5), ...answers]);
}

const characterString = (text: string): string => String.fromCharCode(text.length) + text;

function wireName(host: string): Buffer {
  const labels = host === '' ? [] : host.split('.');
  return Buffer.from(`${labels.map(characterString).join('')}\0`, 'latin1');
}

const mx = (preference: number, host: string): Buffer => Buffer.concat([Buffer.from([0, preference]), wireName(host)]);

async function resolverOf(zone: Zone) {
  const { server } = await nameServer(zone);
  const resolver = platformResolver({ clock: systemClock, servers: [server] });
  opened.push(resolver);
  return resolver;
}

describe('the platform resolver', () => {
  test('gives MX records in lower case', async () => {
    const resolver = await resolverOf((_, type) =>
      type === MX ? [mx(10, 'MX1.Example.net'), mx(20, 'mx2.example.net')] : [],
    );
    expect(await resolver.mx('example.net')).toEqual({
      kind: 'found',
      records: expect.arrayContaining([
        { preference: 10, exchange: 'mx1.example.net' },
        { preference: 20, exchange: 'mx2.example.net' },
      ]),
    });
  });

  test('gives a null MX as the empty name', async () => {
    const resolver = await resolverOf(() => [mx(0, '')]);
    expect(await resolver.mx('example.net')).toEqual({ kind: 'found', records: [{ preference: 0, exchange: '' }] });
  });

  test('joins the strings of a TXT record, and keeps records apart', async () => {
    const records = [['v=DKIM1; p=', 'abc'], ['v=spf1 -all']].map((it) =>
      Buffer.from(it.map(characterString).join('')),
    );
    const resolver = await resolverOf((_, type) => (type === TXT ? records : []));
    expect(await resolver.txt('example.net')).toEqual({
      kind: 'found',
      texts: expect.arrayContaining(['v=DKIM1; p=abc', 'v=spf1 -all']),
    });
  });

  test('gives what a name is an alias of, in lower case', async () => {
    const resolver = await resolverOf((_, type) => (type === CNAME ? [wireName('Track.Example.org')] : []));
    expect(await resolver.cname('click.example.net')).toEqual({ kind: 'found', names: ['track.example.org'] });
  });

  test.each([
    ['no records', [] as Buffer[], 'none'],
    ['NXDOMAIN', NXDOMAIN, 'no-such-name'],
    ['SERVFAIL', SERVFAIL, 'temporary'],
    ['REFUSED', 5, 'temporary'],
  ])('tells %s for every question', async (_, said, kind) => {
    const resolver = await resolverOf(() => said);
    expect(await resolver.mx('example.net')).toMatchObject({ kind });
    expect(await resolver.addresses('mx.example.net')).toMatchObject({ kind });
    expect(await resolver.txt('example.net')).toMatchObject({ kind });
    expect(await resolver.cname('www.example.net')).toMatchObject({ kind });
  });

  test('gives the addresses of both families', async () => {
    const six = Buffer.from('20014860486000000000000000008888', 'hex');
    const resolver = await resolverOf((_, type) =>
      type === A ? [Buffer.from([8, 8, 8, 8])] : type === AAAA ? [six] : [],
    );
    expect(await resolver.addresses('mx.example.net')).toEqual({
      kind: 'found',
      addresses: ['8.8.8.8', '2001:4860:4860::8888'],
    });
  });

  test.each(['a..b', `${'x'.repeat(64)}.example.net`, ''])('answers for the impossible name %j', async (name) => {
    const resolver = await resolverOf(() => NXDOMAIN);
    expect(await resolver.addresses(name)).toMatchObject({
      kind: expect.stringMatching(/no-such-name|none|temporary/),
    });
  });

  test('gives up after its budget', async () => {
    const clock = new FakeClock();
    const { server, asked } = await nameServer(() => undefined);
    const resolver = platformResolver({ clock, servers: [server] });
    opened.push(resolver);
    const answer = resolver.mx('example.net');
    await asked;
    clock.advance(seconds(10));
    expect(await answer).toEqual({ kind: 'temporary', reason: 'timeout' });
    expect(clock.timers).toBe(0);
  });

  test('answers what is under way when it is closed', async () => {
    const { server, asked } = await nameServer(() => undefined);
    const resolver = platformResolver({ clock: systemClock, servers: [server] });
    const answer = resolver.mx('example.net');
    await asked;
    resolver.close();
    expect(await answer).toEqual({ kind: 'temporary', reason: 'ECANCELLED' });
  });
});

describe('the answers of two families', () => {
  const found: AddressAnswer = { kind: 'found', addresses: ['8.8.8.8'] };
  const temporary: AddressAnswer = { kind: 'temporary', reason: 'ESERVFAIL' };
  const none: AddressAnswer = { kind: 'none' };
  const missing: AddressAnswer = { kind: 'no-such-name' };
  test.each([
    [found, temporary, found],
    [none, found, found],
    [temporary, none, temporary],
    [missing, temporary, temporary],
    [missing, none, none],
    [missing, missing, missing],
  ])('%j and %j give %j', (four, six, both) => {
    expect(bothFamilies(four, six)).toEqual(both);
    expect(bothFamilies(six, four)).toEqual(both);
  });
});
