import { expect, test } from 'vitest';
import { type EgressFlags, readEgressSettings } from './egress-settings.ts';

const flags: EgressFlags = {
  config: 'resources',
  listen: '127.0.0.1:1080',
  allowPort: ['25'],
  connections: '4000',
  connectionsPerClient: '2000',
  metrics: '127.0.0.1:9465',
};

test('what is not said is narrow: port 25, no private network', () => {
  expect(readEgressSettings(flags)).toMatchObject({
    ports: new Set([25]),
    allowPrivate: [],
    connections: 4000,
    connectionsPerClient: 2000,
  });
});

test.each<[string, Partial<EgressFlags>, string]>([
  ['an open door to the net', { listen: '0.0.0.0:1080' }, '--auth'],
  ['the same by IPv6', { listen: '[::]:1080' }, '--auth'],
  ['two places of resources', { kubernetes: true }, '--config and --kubernetes'],
  ['no port', { allowPort: ['25', 'smtp'] }, '--allow-port'],
  ['port 0', { allowPort: ['0'] }, '--allow-port'],
  ['a port too high', { allowPort: ['65536'] }, '--allow-port'],
  ['no network', { allowPrivate: ['ten'] }, '--allow-private'],
  ['a network with a wrong length', { allowPrivate: ['10.0.0.0/33'] }, '--allow-private'],
  ['a public network', { allowPrivate: ['8.8.8.0/24'] }, '--allow-private'],
  ['no limit', { connections: '0' }, '--connections'],
  ['a limit that is no number', { connectionsPerClient: 'many' }, '--connections-per-client'],
  ['no place to listen', { listen: '1080' }, '--listen'],
])('%s is refused by the name of its flag', (_, over, flag) => {
  expect(() => readEgressSettings({ ...flags, ...over })).toThrow(flag);
});

test('in Kubernetes pools are read there, and a pod knows which it is', () => {
  const { config: _, ...others } = flags;
  const there = { ...others, kubernetes: true, watchNamespaces: 'mail,shop' };
  const environment = { POD_NAMESPACE: 'egress', POD_NAME: 'one', POD_UID: 'u' };
  const { config, kubernetes } = readEgressSettings(there, environment);
  expect(config).toBeUndefined();
  expect(kubernetes).toEqual({
    namespaces: ['mail', 'shop'],
    pod: { namespace: 'egress', name: 'one', uid: 'u' },
  });
  expect(readEgressSettings({ ...others, kubernetes: true }).kubernetes).toEqual({});
  expect(() => readEgressSettings(others)).toThrow('--config and --kubernetes');
});

test.each(['127.0.0.1:1080', '[::1]:1080', 'localhost:1080'])('%s needs no login', (listen) => {
  expect(readEgressSettings({ ...flags, listen }).auth).toBeUndefined();
});
