import { expect, test } from 'vitest';
import type { KubeObject } from '#lib/kube/kube.ts';
import { metricsPage } from '#lib/run/metrics.ts';
import { watchPools } from './pool-gauges.ts';

const pool = (name: string, status: 'True' | 'False', ...states: string[]): KubeObject => ({
  apiVersion: 'postfleet.io/v1alpha1',
  kind: 'IPPool',
  metadata: { namespace: 'mail', name },
  status: {
    conditions: [{ type: 'Accepted', status }],
    members: states.map((state, at) => ({ name: `m${at}`, state })),
  },
});

test('accepted pools have numbers, others and those that are gone none', async () => {
  let objects = [
    pool('main', 'True', 'Available', 'WarmingUp', 'Unhealthy'),
    pool('of-a-tenant', 'False', 'Available'),
  ];
  watchPools({ objects: () => objects });
  const lines = async () =>
    (await metricsPage()).text.split('\n').filter((it) => /^postfleet_pool_.*[1-9]\d*$/.test(it));
  expect(await lines()).toEqual([
    'postfleet_pool_members{pool="mail/main",state="Available"} 1',
    'postfleet_pool_members{pool="mail/main",state="WarmingUp"} 1',
    'postfleet_pool_members{pool="mail/main",state="Unhealthy"} 1',
    'postfleet_pool_available_members{pool="mail/main"} 2',
  ]);
  objects = [];
  expect(await lines()).toEqual([]);
});
