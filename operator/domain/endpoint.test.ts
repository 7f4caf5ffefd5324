import { describe, expect, test } from 'vitest';
import { sample } from '#crds/sample.ts';
import type { RecordReport, RecordState } from '#lib/domain/records.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { resourceIn } from '../typed.ts';
import { endpointOf, type EndpointView } from './endpoint.ts';
import type { KeptKey } from './key-secret.ts';

function viewOf(spec: object, more: Partial<EndpointView> = {}): EndpointView {
  const domain = resourceIn(
    sample('SendingDomain', spec, { namespace: 'shop' }) as unknown as KubeObject,
    'SendingDomain',
  );
  if (!domain) throw new Error('the sample is not valid');
  const keys = [
    { selector: 'pf1', revision: 1 },
    { selector: 'mine', revision: 0 },
  ] as unknown as KeptKey[];
  return { domain, uid: 'u', keys, records: RECORDS(), before: undefined, ...more };
}

const record = (
  purpose: RecordReport['purpose'],
  type: RecordReport['type'],
  name: string,
  value: string,
  state: RecordState = 'Missing',
): RecordReport => ({ purpose, type, name, expected: [value], found: [], difference: '', state });

const RECORDS = (dmarc: RecordState = 'Missing'): RecordReport[] => [
  record('DKIM', 'TXT', 'pf1._domainkey.example.com', 'v=DKIM1; p=a'),
  record('DKIM', 'TXT', 'mine._domainkey.example.com', 'v=DKIM1; p=b'),
  record('SPF', 'TXT', 'bounce.example.com', 'v=spf1 -all'),
  record('SPF', 'TXT', 'example.com', 'v=spf1 -all'),
  record('ReturnPath', 'MX', 'bounce.example.com', '10 mx.mail.test'),
  record('DMARC', 'TXT', '_dmarc.example.com', 'v=DMARC1; p=none', dmarc),
];

const shortly = (view: EndpointView): string[] => {
  const { endpoints } = endpointOf(view)['spec'] as {
    endpoints: { dnsName: string; recordType: string; targets: string[] }[];
  };
  return endpoints.map(({ dnsName, recordType, targets }) => `${dnsName} ${recordType} ${targets.join(' | ')}`);
};

const ALWAYS = [
  'bounce.example.com MX 10 mx.mail.test',
  'bounce.example.com TXT v=spf1 -all',
  'pf1._domainkey.example.com TXT v=DKIM1; p=a',
];
const DMARC = '_dmarc.example.com TXT v=DMARC1; p=none';

describe('what external-dns publishes of a domain', () => {
  test('is all that it needs but what is at the domain itself, and the key that was brought', () => {
    expect(shortly(viewOf({}))).toEqual([DMARC, ...ALWAYS]);
  });

  test('is the domain’s own SPF record too when that is to be managed', () => {
    expect(shortly(viewOf({ dns: { apex: 'Manage' } }))).toContain('example.com TXT v=spf1 -all');
  });

  test('is no DMARC record beside one that is there, but ever after one that was not', () => {
    const records = RECORDS('Present');
    expect(shortly(viewOf({}, { records }))).toEqual(ALWAYS);
    expect(shortly(viewOf({}, { records, before: endpointOf(viewOf({})) }))).toEqual([DMARC, ...ALWAYS]);
  });

  test('belongs to the SendingDomain, in its namespace', () => {
    expect(endpointOf(viewOf({})).metadata).toMatchObject({
      namespace: 'shop',
      ownerReferences: [{ kind: 'SendingDomain', uid: 'u', controller: true }],
    });
  });

  test('has long texts in pieces where that is asked for', () => {
    const long = `v=DKIM1; p=${'a'.repeat(300)}"`;
    const records = [record('DKIM', 'TXT', 'pf1._domainkey.example.com', long)];
    const said = (spec: object) => shortly(viewOf(spec, { records }))[0]?.replace(/^\S+ TXT /, '');
    expect(said({})).toBe(long);
    expect(said({ dns: { txtFormat: 'Quoted' } })).toBe(`"v=DKIM1; p=${'a'.repeat(244)}" "${'a'.repeat(56)}\\""`);
  });
});
