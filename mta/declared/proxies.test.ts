import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { MTACluster } from '#crds/kinds/mta-cluster.ts';
import { gather } from '#crds/source/resources.ts';
import { selfMadeCertificate } from '#lib/run/certificate.ts';
import { seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { Proxies } from './proxies.ts';

let folder: string;
let clock: FakeClock;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postfleet-proxies-'));
  clock = new FakeClock();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function put(name: string, key: string, text: string): void {
  mkdirSync(join(folder, 'secrets', name), { recursive: true });
  writeFileSync(join(folder, 'secrets', name, key), text);
}

const proxies = (egress: object = {}, config: string | undefined = folder): Proxies => {
  const cluster = { kind: 'MTACluster', metadata: { namespace: 'mail', name: 'main' }, spec: { egress } };
  return new Proxies({ resources: () => gather([cluster as unknown as MTACluster]), config, clock });
};

/** Of a member. */
const name = 'mail/main/one';
const authRef = { name: 'proxy', key: 'auth' };

test('an address of this machine has no proxy', () => {
  expect(proxies().of({ name })).toBeUndefined();
});

test.each([
  ['socks5://proxy.test', 'proxy.test', 1080],
  ['socks5://proxy.test:9050', 'proxy.test', 9050],
  ['socks5://[2001:db8::1]:1081', '2001:db8::1', 1081],
])('%s is a host and a port', async (url, host, port) => {
  expect(await proxies().of({ name, proxy: { url } })?.access()).toEqual({
    host,
    port,
    login: undefined,
    context: undefined,
  });
});

test('a login is read from its secret, and anew when it has changed', async () => {
  put('proxy', 'auth', 'worker:one\n');
  const proxy = proxies().of({ name, proxy: { url: 'socks5://proxy', authRef } });
  const passwordNow = async (): Promise<unknown> => {
    const access = await proxy?.access();
    return access && 'login' in access && String(access.login?.password);
  };
  expect(await passwordNow()).toBe('one');
  put('proxy', 'auth', 'worker:two\n');
  expect(await passwordNow()).toBe('one');
  clock.advance(seconds(10));
  expect(await passwordNow()).toBe('two');
});

test('a member that names no login uses the one of the cluster', async () => {
  put('egress', 'auth', 'a-password');
  const all = proxies({ authRef: { name: 'egress', key: 'auth' } });
  const access = await all.of({ name, proxy: { url: 'socks5://proxy' } })?.access();
  expect(access).toMatchObject({ login: { user: Buffer.from('postfleet'), password: Buffer.from('a-password') } });
  put('proxy', 'auth', 'worker:own');
  const own = await all.of({ name, proxy: { url: 'socks5://proxy', authRef } })?.access();
  expect(own).toMatchObject({ login: { user: Buffer.from('worker') } });
});

test('a secret that is not there is the reason, one that cannot be used too, and neither is told', async () => {
  const proxy = proxies().of({ name, proxy: { url: 'socks5://proxy', authRef } });
  expect(await proxy?.access()).toEqual({ problem: expect.stringContaining('put it into') });
  put('proxy', 'auth', ':hidden-word');
  clock.advance(seconds(10));
  expect(await proxy?.access()).toEqual({ problem: 'cannot be reached: its authRef must hold user:password' });
  const cluster = { kind: 'MTACluster', metadata: { namespace: 'mail', name: 'main' }, spec: { egress: {} } };
  const nowhere = new Proxies({ resources: () => gather([cluster as unknown as MTACluster]), clock });
  expect(await nowhere.of({ name, proxy: { url: 'socks5://proxy', authRef } })?.access()).toEqual({
    problem: 'cannot be reached: this process has no folder of secrets',
  });
});

test.each(['shop/main/one', 'mailing/main/one', 'mai/l/one'])(
  '%s may have no proxy: its secrets would be ours',
  async (foreign) => {
    put('proxy', 'auth', 'worker:one');
    const access = await proxies()
      .of({ name: foreign, proxy: { url: 'socks5://10.0.0.1', authRef } })
      ?.access();
    expect(access).toEqual({ problem: expect.stringContaining('in the namespace of its MTACluster') });
  },
);

test('under TLS the authority is the one the cluster names, and made into a context once', async () => {
  const { cert } = await selfMadeCertificate(['proxy']);
  put('authority', 'ca.crt', cert);
  const all = proxies({ tlsCARef: { name: 'authority', key: 'ca.crt' } });
  const contexts = await Promise.all(
    ['socks5s://one', 'socks5s://two', 'socks5://three'].map(async (url) => {
      const access = await all.of({ name, proxy: { url } })?.access();
      return access && 'context' in access ? access.context : 'none';
    }),
  );
  expect(contexts[0]).toBeDefined();
  expect(contexts[1]).toBe(contexts[0]);
  expect(contexts[2]).toBeUndefined();
});

test('the proxy of a node has the login of the cluster, whatever pool an address is of, and proves one name for all', async () => {
  put('egress', 'auth', 'worker:one');
  const { cert } = await selfMadeCertificate(['postfleet-egress']);
  put('authority', 'ca.crt', cert);
  const all = proxies({
    authRef: { name: 'egress', key: 'auth' },
    tlsCARef: { name: 'authority', key: 'ca.crt' },
  });
  const proxy = { url: 'socks5s://10.0.0.5:1080', isOfNode: true } as const;
  const access = await all.of({ name: 'shop/main/one', proxy })?.access();
  expect(access).toMatchObject({ host: '10.0.0.5', provenName: 'postfleet-egress', login: {} });
});
