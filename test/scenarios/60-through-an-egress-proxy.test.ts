/**
 * Mail leaves from addresses of another machine, by the egress proxy that runs there: receivers see them, and what is wrong
 * with the proxy is nothing that mail pays for.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { selfMadeCertificate } from '#lib/run/certificate.ts';
import { ConfigFolder } from '../harness/config.ts';
import { EgressProxy } from '../harness/egress.ts';
import { freePorts } from '../harness/ports.ts';
import { Postfleet } from '../harness/postfleet.ts';
import { Receiver } from '../harness/receiver.ts';
import { openScene } from '../harness/scene.ts';
import { submit } from '../harness/smtp-client.ts';
import { until } from '../harness/until.ts';

const scene = openScene();
const LIGHT = '127.0.0.11';
const HEAVY = '127.0.0.12';
/** Of a documentation network: no machine has it. */
const ELSEWHERE = '192.0.2.9';
/** The first rests of a source are 15 s and 30 s. */
const A_REST = 60_000;

let port = 0;
let config: ConfigFolder;
let fleet: Postfleet;
let proxy: EgressProxy;
let receiver: Receiver;

const startProxy = (): Promise<EgressProxy> =>
  EgressProxy.start(scene, config.path, {
    port,
    allowPrivate: '127.0.0.1/32',
    allowPort: config.ports.receiver,
    flags: ['--auth', join(config.path, 'secrets/proxy/auth'), '--tls', join(config.path, 'secrets/proxy')],
  });

function member(name: string, address: string, weight: number): object {
  const authRef = { name: 'proxy', key: 'auth' };
  return { name, address, weight, egress: 'Proxy', proxy: { url: `socks5s://127.0.0.1:${port}`, authRef } };
}

beforeAll(async () => {
  [port = 0] = await freePorts(1);
  const members = [member('light', LIGHT, 1), member('heavy', HEAVY, 3), member('elsewhere', ELSEWHERE, 100)];
  config = await ConfigFolder.from(scene, 'bench', {
    MTACluster: { spec: { egress: { tlsCARef: { name: 'proxy', key: 'tls.crt' } } } },
    IPPool: { spec: { members } },
    DestinationPolicy: { spec: { limits: { connections: 8, messagesPerConnection: 2 } } },
  });
  const { cert, key } = await selfMadeCertificate(['127.0.0.1']);
  const secret = join(config.path, 'secrets/proxy');
  mkdirSync(secret, { recursive: true });
  for (const [name, text] of [
    ['tls.crt', cert],
    ['tls.key', key],
    ['auth', 'worker:a-password\n'],
  ] as const)
    writeFileSync(join(secret, name), text);
  receiver = scene.adopt(await Receiver.listen(config.ports.receiver));
  proxy = await startProxy();
  fleet = await Postfleet.start(scene, config);
});

const send = (count: number): Promise<string[]> =>
  Promise.all(
    Array.from({ length: count }, (_, at) => submit(fleet.ports.submission, 'hello@example.com', [`u${at}@demo.test`])),
  );

test('the receiver sees the addresses of the members, by weight; one that the proxy does not have rests and costs nothing', async () => {
  await send(80);
  await until('all of it', () => receiver.taken.length === 80);
  expect(new Set(receiver.peers)).toEqual(new Set([LIGHT, HEAVY]));
  const delivered = await until('every event', () => {
    const events = fleet.events().filter((it) => it.type === 'delivered');
    return events.length === 80 ? events : undefined;
  });
  const by = (source: string): number => delivered.filter((it) => it.source === source).length;
  expect(by(LIGHT) + by(HEAVY)).toBe(80);
  expect(by(HEAVY)).toBeGreaterThan(by(LIGHT));
  expect(delivered.map((it) => it.attempt)).toEqual(Array(80).fill(1));
  expect(fleet.events().filter((it) => it.type === 'deferred' || it.type === 'bounced')).toEqual([]);
  const outcomes = await proxy.outcomes();
  expect(outcomes['unbound']).toBeGreaterThan(0);
  expect(outcomes['connected']).toBe(receiver.connections);
  const missed = fleet.log().find((it) => it.msg === 'no session');
  expect(missed?.['reply']).toContain(`cannot bind to ${ELSEWHERE}`);
  for (const it of [fleet.program, proxy.program]) expect(it.stdout).not.toContain('a-password');
});

test('while the proxy is away mail waits, without an attempt; when it is back it goes', async () => {
  const before = receiver.taken.length;
  await until('nothing is under way', async () => (await fleet.metric('postfleet_delivery_connections')) === 0, 20_000);
  await proxy.kill();
  const ids = await send(10);
  await until('every source rests', async () => (await fleet.command('queue')).includes('rests'), 20_000);
  expect(fleet.events().filter((it) => it.type === 'deferred' || it.type === 'bounced')).toEqual([]);
  expect(receiver.taken).toHaveLength(before);
  proxy = await startProxy();
  await until('all of it', () => receiver.taken.length === before + 10, A_REST);
  const last = receiver.peers.slice(-2);
  expect(last.filter((it) => it !== LIGHT && it !== HEAVY)).toEqual([]);
  const traces = await Promise.all(ids.map((id) => until('its end', async () => endOf(await fleet.trace(id)))));
  expect(traces.map((it) => it.attempt)).toEqual(Array(10).fill(1));
});

const endOf = ({ events }: Awaited<ReturnType<Postfleet['trace']>>) => events.find((it) => it.type === 'delivered');

test('both end in order', async () => {
  expect(await fleet.stop()).toEqual({ code: 0, signal: null });
  expect(await proxy.stop()).toEqual({ code: 0, signal: null });
});

test('TLS of a receiver goes from end to end', async () => {
  const [at = 0] = await freePorts(1);
  const members = [{ name: 'one', address: LIGHT, egress: 'Proxy', proxy: { url: `socks5://127.0.0.1:${at}` } }];
  const other = await ConfigFolder.from(scene, 'standalone', {
    IPPool: { spec: { members } },
    SendingCredential: { spec: { networks: ['127.0.0.0/8'] } },
  });
  const options = { port: at, allowPrivate: '127.0.0.1/32', allowPort: other.ports.receiver };
  await EgressProxy.start(scene, other.path, options);
  const mta = await Postfleet.start(scene, other);
  const id = await submit(mta.ports.submission, 'hello@example.com', ['you@demo.test']);
  expect(await mta.event('delivered', id)).toMatchObject({ source: LIGHT, tls: expect.stringMatching(/^TLSv1\.3 /) });
  await mta.stop();
});
