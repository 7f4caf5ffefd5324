import { describe, expect, test } from 'vitest';
import { type Sample, sample } from '#crds/sample.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { worldOf } from '../../test/harness/world.ts';
import { readHeader } from '../mail/header.ts';
import { admitHeader, admitSender, type Admitted, type Refusal } from './admit.ts';
import { Authority, type DomainProof, type Submitter } from './authority.ts';

const APP: Submitter = { tenant: 'default', username: 'default.app' };
const POOL = { name: 'main', namespace: 'default' };

const domain = (name: string, spec: object = {}, namespace = 'default'): Sample =>
  sample(
    'SendingDomain',
    { domain: name, poolRef: POOL, verification: 'Skip', ...spec },
    { name: name.slice(0, 40), namespace },
  );

function authorityOf(documents: readonly object[], hasKey = true, proof?: DomainProof): Authority {
  const resources = worldOf(...documents);
  return new Authority({
    clock: new FakeClock(),
    resources: () => resources,
    verify: async () => true,
    hasKey: () => hasKey,
    ...(proof && { proof: () => proof }),
  });
}

const WORLD = [
  sample('SendingCredential'),
  domain('example.com'),
  domain('xn--bcher-kva.example'),
  domain('pf.example', {}, 'shop'),
  domain('stopped.example', { suspend: true }),
  domain('unproven.example', { verification: 'Required' }),
];
const authority = authorityOf(WORLD);

function admit(lines: readonly string[], by = authority, submitter = APP): Admitted | Refusal {
  const reading = readHeader(Buffer.from([...lines, '', 'body', ''].join('\r\n')));
  if (reading.kind !== 'header') throw new Error(reading.problem);
  return admitHeader(by, submitter, reading.header);
}

const refusal = (check: string, code: number, enhanced: string, text: string): object => ({
  check,
  reply: { code, enhanced, text: expect.stringContaining(text) },
});

describe('at MAIL', () => {
  test.each(['', 'a@example.com', 'a@bounce.example.com', 'b+c=d@bounce.example.com'])(
    'the sender <%s> is allowed',
    (sender) => {
      expect(admitSender(authority, APP, sender)).toBeUndefined();
    },
  );

  test.each([
    'a@pf.example',
    'a@bounce.pf.example',
    'a@sub.example.com',
    'a@gmail.com',
    '"a@example.com"@evil.example',
  ])('the sender <%s> is refused, naming the domain', (sender) => {
    const text = `default.app may not send as ${sender.slice(sender.lastIndexOf('@') + 1)}: no SendingDomain`;
    expect(admitSender(authority, APP, sender)).toEqual(refusal('sender', 550, '5.7.1', text));
  });

  test('a credential that is not valid any more comes before whose sender it is', () => {
    const by = authorityOf([sample('SendingCredential', { suspend: true }), domain('example.com')]);
    for (const sender of ['', 'a@example.com', 'a@gmail.com'])
      expect(admitSender(by, APP, sender)).toEqual(refusal('credential', 550, '5.7.8', 'credential default.app'));
  });
});

describe('a header whose author may send', () => {
  test.each([
    ['plain', ['From: a@example.com']],
    ['with a name', ['From: "Ann, of Sales" <a@example.com>']],
    ['in another case', ['From: <a@EXAMPLE.com>']],
    ['folded', ['From: Ann', ' <a@example.com>']],
    ['beside a Sender of the same tenant', ['From: a@example.com', 'Sender: b@stopped.example']],
    ['with a foreign Reply-To', ['From: a@example.com', 'Reply-To: someone@gmail.com']],
    ['after 50 Received fields', [...Array.from({ length: 50 }, () => 'Received: x'), 'From: a@example.com']],
  ])('is admitted: %s', (_, lines) => {
    expect(admit(lines)).toEqual({ domain: 'example.com', pool: 'default/main' });
  });

  test('is admitted by its A-label', () => {
    expect(admit(['From: a@xn--bcher-kva.example'])).toMatchObject({ domain: 'xn--bcher-kva.example' });
  });

  test('leaves by the pool of its domain, in the namespace where that lies', () => {
    const own = [sample('IPPool', { clusterRef: { ...POOL, name: 'local' } }, { name: 'own', namespace: 'shop' })];
    const credential = sample('SendingCredential', { clusterRef: { ...POOL, name: 'local' } }, { namespace: 'shop' });
    const by = authorityOf([...own, credential, domain('pf.example', { poolRef: { name: 'own' } }, 'shop')]);
    const submitter = { tenant: 'shop', username: 'shop.app' };
    expect(admit(['From: a@pf.example'], by, submitter)).toEqual({ domain: 'pf.example', pool: 'shop/own' });
  });
});

describe('a header is refused', () => {
  test.each([
    ['without From', ['Subject: x'], '5.6.0', 'exactly one From field, it has 0'],
    ['with two From', ['From: a@example.com', 'From: a@example.com'], '5.6.0', 'exactly one From field, it has 2'],
    ['with two From in two cases', ['From: a@example.com', 'fRoM: ceo@bank.example'], '5.6.0', 'it has 2'],
    ['with several authors', ['From: a@example.com, ceo@bank.example'], '5.6.0', 'exactly one mailbox'],
    ['with several authors of one domain', ['From: a@example.com, b@example.com'], '5.6.0', 'exactly one mailbox'],
    ['with an empty From', ['From: '], '5.6.0', 'From: '],
    ['with a group for From', ['From: team: a@example.com;'], '5.6.0', 'From: '],
    ['with an address for a name', ['From: ceo@bank.example <a@example.com>'], '5.6.0', 'From: '],
    ['with brackets in a quoted name', ['From: "<ceo@bank.example>" <a@example.com>'], '5.6.0', 'From: '],
    ['with a route', ['From: <@bank.example:a@example.com>'], '5.6.0', 'From: '],
    ['from a stranger', ['From: ceo@bank.example'], '5.7.1', 'may not write From bank.example: no SendingDomain'],
    ['from another tenant', ['From: a@pf.example'], '5.7.1', 'may not write From pf.example'],
    ['from a subdomain', ['From: a@news.example.com'], '5.7.1', 'may not write From news.example.com'],
    ['from a return-path host', ['From: a@bounce.example.com'], '5.7.1', 'may not write From bounce.example.com'],
    ['with a foreign Sender', ['From: a@example.com', 'Sender: x@bank.example'], '5.7.1', 'write Sender bank.example'],
    ['with a foreign Resent-From', ['From: a@example.com', 'Resent-From: x@bank.example'], '5.7.1', 'Resent-From bank'],
    ['with two Sender', ['From: a@example.com', 'Sender: a@example.com', 'Sender: b@x.example'], '5.6.0', 'it has 2'],
    ['with two in Sender', ['From: a@example.com', 'Sender: a@example.com, b@example.com'], '5.6.0', 'one mailbox'],
    ['with an empty Sender', ['From: a@example.com', 'Sender:'], '5.6.0', 'Sender: '],
  ])('%s', (_, lines, enhanced, text) => {
    expect(admit(lines)).toEqual(refusal('header', 550, enhanced, text));
  });

  test('A13 that has been through more hosts than there are', () => {
    const lines = [...Array.from({ length: 51 }, () => 'Received: x'), 'From: a@example.com'];
    expect(admit(lines)).toEqual(refusal('loop', 554, '5.4.6', 'more than 50 Received'));
  });

  test('and its text never holds a line end, whatever the header says', () => {
    const refused = admit(['From: a@example.com', 'Sender: "x', ' y" <a@b>', 'Subject: x']);
    expect(refused).toMatchObject({ reply: { text: expect.not.stringMatching(/[\r\n]/) } });
  });
});

describe('a domain does not send', () => {
  test.each([
    ['while it is suspended', 'stopped.example', 'is suspended'],
    ['while it is not verified', 'unproven.example', 'is not verified'],
  ])('%s', (_, name, text) => {
    expect(admit([`From: a@${name}`])).toEqual(refusal('domain', 550, '5.7.1', `SendingDomain ${name} ${text}`));
  });

  test('without a key, for now', () => {
    const by = authorityOf([sample('SendingCredential'), domain('example.com')], false);
    expect(admit(['From: a@example.com'], by)).toEqual(refusal('domain', 451, '4.7.5', 'no DKIM key yet'));
  });

  test.each([
    [undefined, 'SendingDomain example.com is not verified in DNS:\nsee: postfleet domain example.com'],
    [
      'TXT s._domainkey.example.com v=DKIM1; p=A',
      'is not verified in DNS:\npublish TXT s._domainkey.example.com v=DKIM1; p=A\nsee: postfleet domain example.com',
    ],
  ])('until it is verified, with the record to publish: %s', (publish, text) => {
    const world = [sample('SendingCredential'), domain('example.com', { verification: 'Required' })];
    const by = authorityOf(world, true, { kind: 'unproven', publish });
    expect(admit(['From: a@example.com'], by)).toEqual(refusal('domain', 550, '5.7.1', text));
  });

  // What signs is what was seen in DNS: who is never told what to publish would be asked to wait for ever.
  test.each([
    ['what to publish is said', { kind: 'unproven', publish: 'TXT s._domainkey.example.com' }, 550, 'TXT s._domainkey'],
    ['an older claim is named', { kind: 'taken' }, 550, 'by an older claim'],
    ['time is asked for while neither is known', { kind: 'unproven', publish: undefined }, 451, 'no DKIM key yet'],
    ['time is asked for once it is proven', { kind: 'proven' }, 451, 'no DKIM key yet'],
  ] as const)('without a key: %s', (_, proof, code, text) => {
    const world = [sample('SendingCredential'), domain('example.com', { verification: 'Required' })];
    const keyless = authorityOf(world, false, proof);
    expect(admit(['From: a@example.com'], keyless)).toMatchObject({
      reply: { code, text: expect.stringContaining(text) },
    });
  });

  test('while an older claim holds it, and does once it is proven', () => {
    const world = [sample('SendingCredential'), domain('example.com', { verification: 'Required' })];
    const taken = authorityOf(world, true, { kind: 'taken' });
    expect(admit(['From: a@example.com'], taken)).toEqual(refusal('domain', 550, '5.7.1', 'by an older claim'));
    expect(admit(['From: a@example.com'], authorityOf(world, true, { kind: 'proven' }))).toMatchObject({
      domain: 'example.com',
    });
  });

  test('for a credential whose domainRefs leave it out', () => {
    const credential = sample('SendingCredential', { domainRefs: [{ name: 'example.com' }] });
    const by = authorityOf([credential, domain('example.com'), domain('shop.example')]);
    expect(admit(['From: a@example.com'], by)).toMatchObject({ domain: 'example.com' });
    expect(admit(['From: a@shop.example'], by)).toMatchObject({ check: 'header' });
    expect(admit(['From: a@example.com', 'Sender: a@shop.example'], by)).toMatchObject({ check: 'header' });
    expect(admitSender(by, APP, 'a@shop.example')).toMatchObject({ check: 'sender' });
  });
});

// Each message has further faults, which later checks would find: the row's own is the one that is told.
describe('the first refusal wins', () => {
  const received = Array.from({ length: 51 }, () => 'Received: x');
  test.each([
    ['loop', [...received, 'From: x@bank.example', 'From: y@bank.example', 'Sender: z@bank.example'], 'loop', '5.4.6'],
    ['several From', ['From: x@bank.example', 'From: y@bank.example', 'Sender: z@bank.example'], 'header', '5.6.0'],
    ['Sender', ['From: x@bank.example', 'Sender: z@evil.example'], 'header', 'Sender evil.example'],
    ['author', ['From: x@bank.example'], 'header', 'From bank.example'],
    ['suspended, before keys', ['From: x@stopped.example'], 'domain', 'suspended'],
  ])('%s', (_, lines, check, says) => {
    const refused = admit(lines, authorityOf(WORLD, false));
    expect(refused).toMatchObject({ check });
    expect(JSON.stringify(refused)).toContain(says);
  });
});
