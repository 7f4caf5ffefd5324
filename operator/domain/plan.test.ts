import { describe, expect, test } from 'vitest';
import { sample } from '#crds/sample.ts';
import type { Phase } from '#lib/dkim/rotation.ts';
import { generateKey } from '#lib/dkim/key.ts';
import type { DomainStatus } from '#lib/domain/status.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { resourceIn } from '../typed.ts';
import { keyIn, type KeptKey, keySecret } from './key-secret.ts';
import type { Route } from './pool.ts';
import { type DomainView, nextRevision, recordsOf, rotationOf } from './plan.ts';
import { domainStatus } from './status.ts';

const NOW = Date.UTC(2026, 5, 1);
const pem = await generateKey('Ed25519');

function domainOf(spec: object = {}) {
  const document = sample('SendingDomain', { dkim: { algorithms: ['Ed25519'] }, ...spec }, { namespace: 'mail' });
  const domain = resourceIn(document as unknown as KubeObject, 'SendingDomain');
  if (!domain) throw new Error('the sample is not valid');
  return { domain, observed: { ...document, metadata: { name: 'example.com', namespace: 'mail', generation: 2 } } };
}

function keyOf(selector: string, phase: Phase): KeptKey {
  const { domain } = domainOf();
  const kept = keyIn(keySecret(domain, { selector, algorithm: 'Ed25519', revision: 1, madeAt: NOW, pem }));
  if (!kept) throw new Error('no key');
  return { ...kept, phase };
}

const NAME = 'e1._domainkey.example.com';
const look = (state: 'Present' | 'Missing'): DomainStatus => ({
  resource: 'mail/example.com',
  domain: 'example.com',
  standing: 'unverified',
  checkedAt: NOW,
  conditions: [{ type: 'Verified', status: 'False', reason: 'KeyNotSeen', message: 'publish it' }],
  records: [{ purpose: 'DKIM', type: 'TXT', name: NAME, expected: ['x'], found: [], difference: 'publish it', state }],
});

const viewOf = (more: Partial<DomainView> = {}): DomainView => ({
  ...domainOf(),
  keys: [],
  look: undefined,
  isSeenByWorkers: () => true,
  loaded: new Set(),
  used: new Set(),
  longestLife: 0,
  now: NOW,
  ...more,
});
const phaseAfter = (view: DomainView): string | undefined => rotationOf(view).keys[0]?.phase;

describe('a domain', () => {
  test('has a key made for each algorithm that has none', () => {
    expect([rotationOf(viewOf()).make, nextRevision('Ed25519', [keyOf('e1', 'Active')])]).toEqual([['Ed25519'], 2]);
  });

  test('has none made in place of one that somebody has, whether it can be read or not', () => {
    const existing = { selector: 'old', algorithm: 'Ed25519', secretRef: { name: 'mine', key: 'old.pem' } };
    const dkim = { algorithms: ['RSA2048', 'Ed25519'], existingKeys: [existing] };
    expect(rotationOf(viewOf(domainOf({ dkim }))).make).toEqual(['RSA2048']);
  });

  test('that is suspended says so, and that is all that is wrong with it', () => {
    const pool = { metadata: { namespace: 'mail', name: 'main' } };
    const route = { kind: 'granted', pool } as unknown as Route;
    const view = viewOf({ ...domainOf({ suspend: true }), look: look('Missing') });
    const { conditions } = domainStatus(view, { route, keys: [], records: [], problems: [] });
    expect(conditions.slice(0, 2).map(({ type, reason }) => `${type} ${reason}`)).toEqual([
      'Ready Suspended',
      'PoolAccepted Granted',
    ]);
  });

  test('has its key handed out when the status has its record', () => {
    const keys = [keyOf('e1', 'Pending')];
    const status = { records: [{ name: NAME }] };
    expect(phaseAfter(viewOf({ keys }))).toBe('Pending');
    expect(phaseAfter(viewOf({ keys, observed: { ...domainOf().observed, status } }))).toBe('Published');
  });

  test.each<[state: 'Present' | 'Missing', isSeenByWorkers: boolean, phase: Phase]>([
    ['Present', true, 'Verified'],
    ['Present', false, 'Published'],
    ['Missing', true, 'Published'],
  ])('whose record is %s, and seen by workers: %s, has a key %s', (state, isSeen, phase) => {
    const view = viewOf({ keys: [keyOf('e1', 'Published')], look: look(state), isSeenByWorkers: () => isSeen });
    expect(phaseAfter(view)).toBe(phase);
  });

  test('is told what to publish: the key, and after its time that it is revoked', () => {
    const [pending] = recordsOf(viewOf({ keys: [keyOf('e1', 'Pending')], look: look('Missing') }));
    expect(pending).toMatchObject({
      name: NAME,
      state: 'Unknown',
      expected: [expect.stringMatching(/^v=DKIM1; k=ed25519; p=./)],
    });
    const [retired] = recordsOf(viewOf({ keys: [keyOf('e1', 'Retired')], look: look('Missing') }));
    expect(retired?.expected).toEqual(['v=DKIM1; k=ed25519; p=']);
  });

  test('says what keeps it from being ready, and what cannot be done', () => {
    const view = viewOf({ look: look('Missing') });
    const route = { kind: 'refused', reason: 'PoolMissing', message: 'there is none' } as const;
    const said = { route, keys: [], records: [] };
    const ready = (problems: string[]): string[] =>
      domainStatus(view, { ...said, problems })
        .conditions.slice(0, 2)
        .map(({ type, reason }) => `${type} ${reason}`);
    expect(ready([])).toEqual(['Ready PoolMissing', 'Stalled PoolMissing']);
    expect(ready(['it cannot be'])).toEqual(['Ready NotCarriedOut', 'Stalled NotCarriedOut']);
  });
});

test('an operator that has just begun says of DNS what was said before', () => {
  const first = viewOf({ look: look('Missing') });
  const said = domainStatus(first, { ...REFUSED, records: recordsOf(first) });
  const observed = { ...domainOf().observed, status: said };
  const again = viewOf({ observed, look: undefined });
  expect(recordsOf(again)).toEqual(recordsOf(viewOf({ look: look('Missing') })));
  expect(domainStatus(again, { ...REFUSED, records: recordsOf(again) })).toEqual(said);
});

const REFUSED = {
  route: { kind: 'refused', reason: 'PoolMissing', message: 'make it' },
  keys: [],
  problems: [],
} as const;
