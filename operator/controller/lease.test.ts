import { describe, expect, test } from 'vitest';
import type { KubeObject } from '#lib/kube/kube.ts';
import { type LeaseView, nextLease, releasedLease } from './lease.ts';

const NOW = Date.UTC(2026, 5, 1, 12, 0, 0, 789);
const TIME = '2026-06-01T12:00:00.789000Z';

const leaseOf = (spec: object): KubeObject => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name: 'operator', namespace: 'mail' },
  spec,
});
const view = (more: Partial<LeaseView>): LeaseView => ({
  lease: undefined,
  unchangedFor: 0,
  identity: 'me',
  now: NOW,
  ...more,
});
const held = leaseOf({ holderIdentity: 'other', leaseDurationSeconds: 15, leaseTransitions: 3, renewTime: 'long ago' });
const mine = { holderIdentity: 'me', leaseDurationSeconds: 15, renewTime: TIME };

describe('a lease', () => {
  test('is made when there is none', () => {
    expect(nextLease(view({}))).toEqual({ kind: 'create', spec: { ...mine, acquireTime: TIME, leaseTransitions: 0 } });
  });

  test('is left to its holder as long as it changes, whatever its times say', () => {
    expect(nextLease(view({ lease: held, unchangedFor: 14_999 }))).toEqual({ kind: 'wait' });
  });

  test('is taken over when it has not changed for as long as it lasts', () => {
    const taken = { ...mine, acquireTime: TIME, leaseTransitions: 4 };
    expect(nextLease(view({ lease: held, unchangedFor: 15_000 }))).toEqual({ kind: 'replace', spec: taken });
  });

  test('is taken over at once when it was released', () => {
    const released = leaseOf(releasedLease(held, NOW));
    expect(nextLease(view({ lease: released }))).toMatchObject({ kind: 'replace', spec: { leaseTransitions: 4 } });
  });

  test('is renewed by its holder, who has held it since it was taken', () => {
    const lease = leaseOf({ ...mine, acquireTime: 'then', renewTime: 'before', leaseTransitions: 4 });
    const renewed = { ...mine, acquireTime: 'then', leaseTransitions: 4 };
    expect(nextLease(view({ lease }))).toEqual({ kind: 'replace', spec: renewed });
  });
});
