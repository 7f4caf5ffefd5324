import { expect, test } from 'vitest';
import type { KubeObject } from '#lib/kube/kube.ts';
import { proxyLogins, relayPorts } from './relays.ts';

const object = (kind: string, namespace: string, spec: object): KubeObject => ({
  apiVersion: 'postfleet.io/v1alpha1',
  kind,
  metadata: { name: 'one', namespace },
  spec,
});
const policy = (namespace: string, clusterRef: object, ...ports: number[]): KubeObject =>
  object('DestinationPolicy', namespace, { clusterRef, routes: ports.map((port) => ({ host: 'relay', port })) });
const pool = (namespace: string, clusterRef: object, ...members: object[]): KubeObject =>
  object('IPPool', namespace, { clusterRef, members });

const MAIN = { name: 'main' };

test.each<[sentence: string, policies: KubeObject[], pools: KubeObject[], ports: number[]]>([
  ['nothing is declared', [], [], []],
  ['policies name routes', [policy('mail', MAIN, 2525, 25), policy('mail', MAIN, 587)], [], [25, 587, 2525]],
  ['nodes have proxies', [], [pool('mail', MAIN, { egress: 'Node' }, { egress: 'Local' })], [1080]],
  [
    'somebody has proxies',
    [],
    [
      pool(
        'mail',
        MAIN,
        { egress: 'Proxy', proxy: { url: 'socks5://p:9050' } },
        { egress: 'Proxy', proxy: { url: 'socks5://p' } },
      ),
    ],
    [1080, 9050],
  ],
  [
    'a pool elsewhere names the cluster',
    [],
    [pool('other', { ...MAIN, namespace: 'mail' }, { egress: 'Node' })],
    [1080],
  ],
  ['they are of another cluster', [policy('other', MAIN, 99), policy('mail', { name: 'second' }, 98)], [], []],
])('ports that workers connect to when %s', (_, policies, pools, ports) => {
  expect(relayPorts(policies, pools, 'mail/main')).toEqual(ports);
});

test('what proxies want to be told is where pools beside the cluster say, each place once', () => {
  const behind = (name: string, key = 'login'): object => ({
    egress: 'Proxy',
    proxy: { url: 'socks5://p', authRef: { name, key } },
  });
  const pools = [
    pool('mail', MAIN, behind('two'), behind('one'), { egress: 'Local' }),
    pool('mail', MAIN, behind('one'), behind('one', 'other')),
    pool('mail', { name: 'another' }, behind('not-ours')),
    pool('shop', { ...MAIN, namespace: 'mail' }, behind('foreign')),
  ];
  expect(proxyLogins(pools, 'mail/main')).toEqual([
    { name: 'one', key: 'login' },
    { name: 'one', key: 'other' },
    { name: 'two', key: 'login' },
  ]);
});
