import { describe, expect, test } from 'vitest';
import { type Sample, sample } from '#crds/sample.ts';
import { hours } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { worldOf } from '../../test/harness/world.ts';
import { Authority, type Protocol, type Submitter } from './authority.ts';

const start = Date.UTC(2026, 0, 1);
const APP: Submitter = { tenant: 'default', username: 'default.app' };

const domain = (name: string, namespace = 'default', spec: object = {}): Sample =>
  sample('SendingDomain', { domain: name, poolRef: inDefault('main'), ...spec }, { name, namespace });
const credential = (spec: object = {}, metadata: object = {}): Sample =>
  sample('SendingCredential', { clusterRef: inDefault('local'), ...spec }, metadata);
const inDefault = (name: string): object => ({ name, namespace: 'default' });

function open(...documents: readonly object[]) {
  const clock = new FakeClock(start);
  let resources = worldOf(...documents);
  const used: string[] = [];
  const authority = new Authority({
    clock,
    used: (username) => used.push(username),
    resources: () => resources,
    verify: async (_, secret) => secret === 'right',
    hasKey: ({ spec }) => spec.domain === 'example.com',
  });
  const declare = (...changed: readonly object[]): void => {
    resources = worldOf(...changed);
  };
  return { authority, clock, declare, used };
}

async function who(authority: Authority, username: string, secret: string, protocol: Protocol) {
  const bearer = await authority.bearer(username, secret, '192.0.2.1', protocol);
  return bearer.kind === 'submitter' ? bearer.submitter : undefined;
}

describe('who somebody is', () => {
  test.each([
    ['a credential and its secret', {}, 'right', APP],
    ['a wrong secret', {}, 'wrong', undefined],
    ['a suspended credential', { suspend: true }, 'right', undefined],
    ['a credential for HTTP alone', { protocols: ['HTTP'] }, 'right', undefined],
    ['a credential that may not submit', { scopes: ['Events'] }, 'right', undefined],
    ['a credential that has expired', { expiresAt: '2026-01-01T00:00:00Z' }, 'right', undefined],
    ['a credential that expires in a second', { expiresAt: '2026-01-01T00:00:01Z' }, 'right', APP],
  ] as const)('is known by %s', async (_, spec, secret, want) => {
    const { authority } = open(credential(spec));
    expect(await who(authority, 'default.app', secret, 'SMTP')).toEqual(want);
  });

  test('is told of when somebody was let in, or a message came from a network that is trusted', async () => {
    const { authority, used } = open(credential(), credential({ suspend: true }, { name: 'old' }));
    for (const [name, secret] of [
      ['app', 'wrong'],
      ['old', 'right'],
      ['none', 'right'],
    ] as const)
      await who(authority, `default.${name}`, secret, 'SMTP');
    expect(used).toEqual([]);
    await who(authority, 'default.app', 'right', 'SMTP');
    authority.takeRate(APP);
    expect(used).toEqual(['default.app', 'default.app']);
  });

  test('is unknown for a name nobody declared, whatever the keyring says', async () => {
    expect(await who(open(credential()).authority, 'default.gone', 'right', 'SMTP')).toBeUndefined();
  });

  test('follows the protocol it is asked for', async () => {
    const { authority } = open(credential({ protocols: ['HTTP'] }));
    expect(await who(authority, 'default.app', 'right', 'HTTP')).toEqual(APP);
  });

  test('ends when the credential does, in the middle of a session', () => {
    const { authority, clock, declare } = open(credential({ expiresAt: '2026-01-01T01:00:00Z' }));
    expect(authority.isValid(APP)).toBe(true);
    clock.advance(hours(1));
    expect(authority.isValid(APP)).toBe(false);
    declare(credential());
    expect(authority.isValid(APP)).toBe(true);
    declare(credential({ suspend: true }));
    expect(authority.isValid(APP)).toBe(false);
    declare();
    expect(authority.isValid(APP)).toBe(false);
  });
});

describe('a trusted network', () => {
  const networks = ['192.0.2.0/24', '2001:db8::/32'];

  test.each([
    ['192.0.2.7', APP],
    ['2001:db8::7', APP],
    ['192.0.3.7', undefined],
    ['2001:db9::7', undefined],
    ['', undefined],
  ] as const)('stands in for a secret: %s', (address, want) => {
    expect(open(credential({ networks })).authority.trusted(address)).toEqual(want);
  });

  test.each([
    ['suspended', { suspend: true }],
    ['expired', { expiresAt: '2025-12-31T23:59:59Z' }],
    ['for HTTP alone', { protocols: ['HTTP'] }],
    ['for events alone', { scopes: ['Events'] }],
  ])('gives nobody an identity when its credential is %s', (_, spec) => {
    expect(open(credential({ networks, ...spec })).authority.trusted('192.0.2.7')).toBeUndefined();
  });

  test('gives the identity of the first credential that names it and may be used', () => {
    const stopped = credential({ networks, suspend: true }, { name: 'stopped' });
    expect(open(stopped, credential({ networks })).authority.trusted('192.0.2.7')).toEqual(APP);
  });

  test('is no credential of all when none names it', () => {
    expect(open(credential()).authority.trusted('127.0.0.1')).toBeUndefined();
  });
});

describe('what a credential may send as', () => {
  const documents = [
    credential(),
    domain('example.com'),
    domain('shop.example', 'default', { returnPathHost: 'returns.example' }),
    domain('other.example', 'rival'),
    credential({}, { namespace: 'rival' }),
  ];

  test.each([
    ['example.com', true],
    ['shop.example', true],
    ['other.example', false],
    ['sub.example.com', false],
    ['EXAMPLE.COM', false],
    ['com', false],
    ['', false],
  ])('is a domain of its own namespace, exactly: %s', (name, want) => {
    expect(open(...documents).authority.domainFor(APP, name) !== undefined).toBe(want);
  });

  test('is only what domainRefs names, when there are any', () => {
    const { authority } = open(...documents.slice(1, 3), credential({ domainRefs: [{ name: 'shop.example' }] }));
    expect(authority.domainFor(APP, 'shop.example')).toBeDefined();
    expect(authority.domainFor(APP, 'example.com')).toBeUndefined();
  });

  test('is nothing when domainRefs is empty', () => {
    const { authority } = open(...documents.slice(1, 3), credential({ domainRefs: [] }));
    expect(authority.domainFor(APP, 'shop.example')).toBeUndefined();
  });

  test('is nothing once the credential is gone', () => {
    const { authority } = open(domain('example.com'));
    expect(authority.domainFor(APP, 'example.com')).toBeUndefined();
    expect(authority.mayReturnTo(APP, 'example.com')).toBe(false);
  });

  test.each([
    ['example.com', true],
    ['bounce.example.com', true],
    ['returns.example', true],
    ['bounce.shop.example', false],
    ['mail.example.com', false],
    ['other.example', false],
    ['bounce.other.example', false],
  ])('lets replies go to a domain of its own or its return-path host: %s', (name, want) => {
    expect(open(...documents).authority.mayReturnTo(APP, name)).toBe(want);
  });

  test('signs when the keyring has a key for the domain', () => {
    const { authority } = open(...documents);
    const signed = ['example.com', 'shop.example'].map((name) => {
      const found = authority.domainFor(APP, name);
      return found && authority.hasKey(found);
    });
    expect(signed).toEqual([true, false]);
  });
});
