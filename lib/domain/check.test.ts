import { describe, expect, test } from 'vitest';
import { recordText } from '#lib/dkim/record.ts';
import { FakeDns, type Table } from '../../test/harness/fake-dns.ts';
import { checkDomain } from './check.ts';
import { conditionsOf } from './conditions.ts';
import { proofOf } from './dkim.ts';
import type { DomainNeeds, RecordReport } from './records.ts';

const RSA = { selector: 'r', record: recordText('rsa', Buffer.alloc(294, 1)) };
const ED = { selector: 'e', record: recordText('ed25519', Buffer.alloc(32, 2)) };
const NEEDS: DomainNeeds = {
  domain: 'news.example.com',
  keys: [RSA, ED],
  returnPathHost: 'bounce.news.example.com',
  bounceHost: 'mta.fleet.test',
  pool: { spfName: 'spf.pool.test', addresses: ['192.0.2.1'] },
  apexSpf: false,
  dmarc: { minimumPolicy: 'none', reportTo: [] },
};
const GOOD: Table = {
  'r._domainkey.news.example.com TXT': [RSA.record],
  'e._domainkey.news.example.com TXT': [ED.record],
  'bounce.news.example.com TXT': ['v=spf1 include:spf.pool.test -all'],
  'bounce.news.example.com MX': ['10 mta.fleet.test'],
  '_dmarc.news.example.com TXT': ['v=DMARC1; p=none'],
};

const look = async (changes: Table = {}, needs: Partial<DomainNeeds> = {}) =>
  checkDomain({ ...NEEDS, ...needs }, new FakeDns({ ...GOOD, ...changes }));
const one = async (purpose: RecordReport['purpose'], changes: Table, needs: Partial<DomainNeeds> = {}) =>
  (await look(changes, needs)).records.find((it) => it.purpose === purpose);

test('a domain that published everything has nothing to change', async () => {
  const report = await look();
  expect(report.records.map((it) => [it.purpose, it.type, it.name, it.state, it.difference])).toEqual([
    ['DKIM', 'TXT', 'r._domainkey.news.example.com', 'Present', ''],
    ['DKIM', 'TXT', 'e._domainkey.news.example.com', 'Present', ''],
    ['SPF', 'TXT', 'bounce.news.example.com', 'Present', ''],
    ['ReturnPath', 'MX', 'bounce.news.example.com', 'Present', ''],
    ['DMARC', 'TXT', '_dmarc.news.example.com', 'Present', ''],
  ]);
  expect(conditionsOf('verified', report).map((it) => it.status)).toEqual(Array.from({ length: 6 }, () => 'True'));
});

test('a domain that published nothing is told each record whole', async () => {
  const { records } = await checkDomain(NEEDS, new FakeDns());
  expect(records.map((it) => [it.state, it.expected])).toEqual([
    ['Missing', [RSA.record]],
    ['Missing', [ED.record]],
    ['Missing', ['v=spf1 include:spf.pool.test -all']],
    ['Missing', ['10 mta.fleet.test']],
    ['Missing', ['v=DMARC1; p=none']],
  ]);
});

test('a question is asked once in a look', async () => {
  const dns = new FakeDns(GOOD);
  await checkDomain({ ...NEEDS, pool: { addresses: ['192.0.2.1', '192.0.2.2', '2001:db8::1'] } }, dns);
  expect(new Set(dns.asked).size).toBe(dns.asked.length);
});

describe('a key that is missing', () => {
  const NAME = 'r._domainkey.news.example.com';
  const gone = { [`${NAME} TXT`]: [] as string[] };
  test.each([
    [
      { [`${NAME}.news.example.com TXT`]: [RSA.record] },
      `it is published at ${NAME}.news.example.com: the zone was appended`,
    ],
    [{ [`${NAME}.example.com TXT`]: [RSA.record] }, `it is published at ${NAME}.example.com: the zone was appended`],
    [{ 'r._domainkey.example.com TXT': [RSA.record] }, 'r._domainkey.example.com: it belongs below news.example.com'],
    [{ 'r.domainkey.news.example.com TXT': [RSA.record] }, 'the underscore is missing'],
    [{ [`${NAME} CNAME`]: ['dkim.other.test'] }, 'the name is an alias of dkim.other.test, which has no TXT record'],
    [{ [`${NAME}.news.example.com TXT`]: ['v=spf1 -all'] }, 'publish it'],
  ] as const)('%j', async (elsewhere: Table, words) => {
    expect(await one('DKIM', { ...gone, ...elsewhere })).toMatchObject({
      state: 'Missing',
      difference: expect.stringContaining(words),
    });
  });
});

describe('the SPF record', () => {
  const SPF = 'bounce.news.example.com TXT';
  const BARE = { pool: { addresses: ['192.0.2.1', '2001:db8::1'] } };
  test.each([
    [
      'lacks the pool',
      {},
      ['v=spf1 ip4:192.0.2.1 -all'],
      'Differs',
      'include:spf.pool.test is missing: add before all',
    ],
    [
      'has it too late',
      {},
      ['v=spf1 -all include:spf.pool.test'],
      'Differs',
      'stands after a term that decides before it',
    ],
    ['has it with a minus', {}, ['v=spf1 -include:spf.pool.test'], 'Differs', 'is there with -'],
    [
      'is there twice',
      {},
      ['v=spf1 -all', 'v=spf1 include:spf.pool.test -all'],
      'Differs',
      '2 SPF records, receivers allow one',
    ],
    ['is quoted', {}, ['"v=spf1 include:spf.pool.test -all"'], 'Differs', 'quotes are published'],
    ['is of another version', {}, ['spf2.0/pra include:spf.pool.test'], 'Differs', 'does not begin with v=spf1'],
    ['cannot be read', {}, ['v=spf1 includes:spf.pool.test'], 'Differs', 'has the term includes:spf.pool.test, which'],
    ['lets everybody send', {}, ['v=spf1 include:spf.pool.test +all'], 'Present', '+all lets everybody send'],
    ['stands beside other records', {}, ['hello', 'v=spf1 include:spf.pool.test -all'], 'Present', ''],
    ['lists the addresses', BARE, ['v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::1 -all'], 'Present', ''],
    ['lacks an address', BARE, ['v=spf1 ip4:192.0.2.0/24 -all'], 'Differs', 'ip6:2001:db8::1 is missing'],
    ['lacks both', BARE, ['v=spf1 -all'], 'Differs', 'ip4:192.0.2.1 ip6:2001:db8::1 are missing'],
  ] as const)('%s', async (_, needs, texts, state, words) => {
    const report = await one('SPF', { [SPF]: texts }, needs);
    expect(report).toMatchObject({ state, difference: expect.stringContaining(words) });
  });

  test('names a few of many addresses', async () => {
    const addresses = Array.from({ length: 9 }, (_, at) => `192.0.2.${at}`);
    const report = await one('SPF', { [SPF]: ['v=spf1 -all'] }, { pool: { addresses } });
    expect(report?.difference).toContain('ip4:192.0.2.0 ip4:192.0.2.1 ip4:192.0.2.2 and 6 more are missing');
  });

  test('is looked at for the domain itself where that is ours to manage', async () => {
    const { records } = await look({}, { apexSpf: true });
    expect(records.filter((it) => it.purpose === 'SPF').map((it) => [it.name, it.state])).toEqual([
      ['bounce.news.example.com', 'Present'],
      ['news.example.com', 'Missing'],
    ]);
  });
});

describe('the DMARC record', () => {
  const none = { '_dmarc.news.example.com TXT': [] as string[] };
  const above = (text: string): Table => ({ ...none, '_dmarc.example.com TXT': [text] });
  const own = (...texts: string[]): Table => ({ '_dmarc.news.example.com TXT': texts });
  const REJECT = { dmarc: { minimumPolicy: 'reject', reportTo: [] } } as const;
  const TOLD = { dmarc: { minimumPolicy: 'none', reportTo: ['a@example.com', 'b@example.com'] } } as const;
  test.each([
    ['of the organization', {}, above('v=DMARC1; p=none'), 'Present', 'found at _dmarc.example.com'],
    [
      'of the organization, for names below',
      REJECT,
      above('v=DMARC1; p=reject; sp=none'),
      'Differs',
      'found at _dmarc.example.com; sp=none is weaker than reject',
    ],
    ['of the organization, for its own name', REJECT, above('v=DMARC1; p=none; sp=reject'), 'Present', ''],
    ['strong enough', REJECT, own('v=DMARC1; p=reject'), 'Present', ''],
    ['too weak', REJECT, own('v=DMARC1; p=quarantine'), 'Differs', 'p=quarantine is weaker than reject'],
    ['only a test', REJECT, own('v=DMARC1; p=reject; t=y'), 'Differs', 'p=quarantine is weaker than reject'],
    ['without a policy', {}, own('v=DMARC1; sp=none'), 'Differs', 'it has no p='],
    ['twice', {}, own('v=DMARC1; p=none', 'v=DMARC1; p=reject'), 'Differs', '2 DMARC records, which count as none'],
    ['quoted', {}, own('"v=DMARC1; p=none"'), 'Differs', 'quotes are published'],
    ['of another case', {}, own('v=dmarc1; p=none'), 'Differs', 'it does not begin with v=DMARC1;'],
    [
      'that tells somebody else',
      TOLD,
      own('v=DMARC1; p=none; rua=mailto:a@example.com!10m'),
      'Present',
      'rua= does not name b@example.com',
    ],
    ['that is broken above', {}, above('v=DMARC1; p=no'), 'Differs', 'at _dmarc.example.com: it has a p= other than'],
    ['that nobody can tell', {}, { ...none, '_dmarc.com TXT': 'silent' }, 'Unknown', 'DNS did not answer: timeout'],
  ] as const)('%s', async (_, needs, table: Table, state, words) => {
    expect(await one('DMARC', table, needs)).toMatchObject({ state, difference: expect.stringContaining(words) });
  });
});

describe('the return path', () => {
  const MX = 'bounce.news.example.com MX';
  test.each([
    [['20 other.test', '10 mta.fleet.test'], 'Present', ''],
    [['20 other.test', '10 mx.other.test'], 'Differs', 'bounces go to mx.other.test, not to mta.fleet.test'],
    [['0 .'], 'Differs', 'a null MX says that it takes no mail'],
    ['silent', 'Unknown', 'DNS did not answer'],
  ] as const)('%j', async (records, state, words) => {
    expect(await one('ReturnPath', { [MX]: records })).toMatchObject({
      state,
      difference: expect.stringContaining(words),
    });
  });

  test.each([
    ['below the domain', 'bounce.news.example.com', {}, ''],
    ['the domain itself', 'news.example.com', {}, ''],
    ['beside it, in one organization', 'bounce.example.com', { '_dmarc.example.com TXT': ['v=DMARC1; p=none'] }, ''],
    [
      'strictly elsewhere',
      'bounce.news.example.com',
      { '_dmarc.news.example.com TXT': ['v=DMARC1; p=none; aspf=s'] },
      'aspf=s asks',
    ],
    ['of somebody else', 'bounce.other.test', {}, 'bounce.other.test belongs to another organization'],
    [
      'below a public suffix',
      'b.shop.test',
      { '_dmarc.shop.test TXT': ['v=DMARC1; p=none; psd=y'] },
      'belongs to another',
    ],
  ] as const)('is aligned or not: %s', async (_, returnPathHost, table: Table, words) => {
    const report = await look(table, { returnPathHost });
    expect(report.misaligned === '').toBe(words === '');
    expect(report.misaligned).toContain(words);
  });
});

describe('the proof of a domain', () => {
  const names = ['r._domainkey.news.example.com TXT', 'e._domainkey.news.example.com TXT'] as const;
  test.each([
    ['any key', { [names[0]]: [] }, 'seen'],
    ['any key, while DNS is silent of another', { [names[0]]: 'silent' }, 'seen'],
    ['nothing, when no key is there', { [names[0]]: [], [names[1]]: ['v=DKIM1; p='] }, 'absent'],
    ['unknown while DNS is silent', { [names[0]]: [], [names[1]]: 'silent' }, 'unknown'],
  ] as const)('is %s', async (_, table: Table, proof) => {
    expect(await proofOf(NEEDS, new FakeDns({ ...GOOD, ...table }))).toBe(proof);
  });

  test('is unknown without a key', async () => {
    expect(await proofOf({ ...NEEDS, keys: [] }, new FakeDns())).toBe('unknown');
  });
});

describe('conditions', () => {
  const said = async (standing: 'verified' | 'unverified' | 'excused' | 'claimed-by-another', changes: Table = {}) =>
    Object.fromEntries(conditionsOf(standing, await look(changes)).map((it) => [it.type, `${it.status} ${it.reason}`]));

  test('say what is not as it should be, and Ready follows', async () => {
    const changes = { 'bounce.news.example.com MX': ['0 .'], '_dmarc.news.example.com TXT': 'silent' } as const;
    expect(await said('verified', changes)).toEqual({
      Ready: 'False Differs',
      Verified: 'True KeySeen',
      DKIMReady: 'True Present',
      SPFReady: 'True Present',
      DMARCReady: 'Unknown Unknown',
      ReturnPathReady: 'False Differs',
    });
  });

  test.each([
    ['unverified', 'False KeyNotSeen'],
    ['excused', 'True Skipped'],
    ['claimed-by-another', 'False DomainClaimed'],
  ] as const)('of a domain that is %s say so', async (standing, verified) => {
    expect(await said(standing)).toMatchObject({ Verified: verified });
  });

  test('name the record', async () => {
    const report = await look({ 'r._domainkey.news.example.com TXT': [] });
    const [ready, verified] = conditionsOf('verified', report);
    expect(ready).toMatchObject({ status: 'False', message: 'TXT r._domainkey.news.example.com: publish it' });
    expect(verified).toMatchObject({ status: 'True' });
  });

  test('tell of a return path that is not aligned', async () => {
    const report = await look({ '_dmarc.news.example.com TXT': ['v=DMARC1; p=none; aspf=s'] });
    expect(conditionsOf('verified', report)).toContainEqual(
      expect.objectContaining({ type: 'ReturnPathReady', status: 'False', reason: 'NotAligned' }),
    );
  });
});
