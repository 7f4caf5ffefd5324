import { describe, expect, test } from 'vitest';
import type { DomainVerdict, SendingDomain } from '#crds/kinds/sending-domain.ts';
import { gather, type Resources } from '#crds/source/resources.ts';
import { sample } from '#crds/sample.ts';
import { metricsPage } from '#lib/run/metrics.ts';
import { worldOf } from '../../test/harness/world.ts';
import { OperatedDomains } from './operated-domains.ts';

const VERIFIED: DomainVerdict = { standing: 'verified', hasKey: true };
const RECORD = {
  purpose: 'DKIM',
  type: 'TXT',
  name: 'pf1._domainkey.example.com',
  expected: ['v=DKIM1; p=abc'],
  found: [],
  difference: 'publish it',
  state: 'Missing',
};

const domainWith = (verdict: DomainVerdict | undefined, name = 'example.com'): SendingDomain => {
  const [domain] = worldOf(sample('SendingDomain', { domain: 'example.com' }, { name })).domains;
  if (!domain) throw new Error('a domain is declared');
  return { ...domain, ...(verdict && { verdict }) };
};

function open(verdict: DomainVerdict | undefined, status: object = {}) {
  const domain = domainWith(verdict);
  const resources: Resources = gather([domainWith(undefined, 'older'), domain]);
  const declared = { domainStatus: (key: string) => (key === 'default/example.com' ? status : undefined) };
  return { domain, domains: OperatedDomains.open({ resources: () => resources, declared }) };
}

describe('a domain of which the operator', () => {
  test.each([
    ['says nothing yet', undefined, { kind: 'unproven', publish: undefined }],
    ['says that it is verified', VERIFIED, { kind: 'proven' }],
    ['says that another has it', { standing: 'claimed-by-another', hasKey: false }, { kind: 'taken' }],
  ] as const)('%s', (_, verdict, proof) => {
    const { domains, domain } = open(verdict);
    expect(domains.proof(domain)).toEqual(proof);
    expect(domains.hasKey(domain)).toBe(verdict?.hasKey ?? false);
  });

  test('waits for a record is answered with that record', () => {
    const { domains, domain } = open({ standing: 'unverified', hasKey: false }, { records: [RECORD] });
    expect(domains.proof(domain)).toEqual({
      kind: 'unproven',
      publish: 'TXT pf1._domainkey.example.com v=DKIM1; p=abc',
    });
  });
});

test('people and tenants are told what the operator says, and nothing that is its own business', async () => {
  const condition = { type: 'DKIMReady', status: 'False', reason: 'Missing', message: 'publish it' };
  const own = { type: 'PoolAccepted', status: 'True', reason: 'Granted', message: '' };
  const conditions = [{ ...condition, lastTransitionTime: '2026-01-01T00:00:00Z' }, own];
  const { domains } = open(VERIFIED, { conditions, records: [RECORD] });
  const status = await domains.status('default/example.com');
  expect(status).toEqual({
    resource: 'default/example.com',
    domain: 'example.com',
    standing: 'verified',
    conditions: [condition],
    records: [RECORD],
  });
  expect(await domains.named('example.com')).toEqual(status);
  expect(await domains.status('default/unknown')).toBeUndefined();
});

test('how many stand how is a metric', async () => {
  open(VERIFIED);
  const { text: page } = await metricsPage();
  expect(page).toContain('postfleet_domains{standing="verified"} 1');
  expect(page).toContain('postfleet_domains{standing="unverified"} 1');
});
