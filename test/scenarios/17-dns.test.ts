/**
 * DNS as it is found outside, by a real authority and a real validating resolver.
 */
import { Resolver } from 'node:dns/promises';
import { beforeAll, expect, test } from 'vitest';
import { Authority, BROKEN } from '../harness/authority.ts';
import { openScene } from '../harness/scene.ts';
import { Unbound } from '../harness/unbound.ts';

const scene = openScene();
const MAIL = '@ MX 10 mail\nmail A 192.0.2.1';
let authority: Authority;

beforeAll(async () => {
  const zones = { 'plain.test': MAIL, 'signed.test': MAIL, 'broken.test': BROKEN };
  authority = await Authority.start(scene, zones, { signed: ['signed.test'] });
});

/** Asks a resolver of its own, with these trust anchors. */
async function resolverWith(...trustAnchors: readonly string[]): Promise<Resolver> {
  const unbound = await Unbound.start(scene, authority, { trustAnchors });
  const resolver = new Resolver({ timeout: 5000, tries: 1 });
  resolver.setServers([unbound.server]);
  return resolver;
}

test('a resolver gives what the authority has, and tells what nobody has from what nobody can say', async () => {
  const resolver = await resolverWith();
  expect(await resolver.resolveMx('plain.test')).toMatchObject([{ priority: 10, exchange: 'mail.plain.test' }]);
  await expect(resolver.resolveMx('mail.plain.test')).rejects.toThrow('ENODATA');
  await expect(resolver.resolveMx('nowhere.test')).rejects.toThrow('ENOTFOUND');
  await expect(resolver.resolveMx('broken.test')).rejects.toThrow('ESERVFAIL');
});

test('a resolver with the key of a zone gives what is signed with it, and nothing signed with another', async () => {
  const anchor = await authority.trustAnchor('signed.test');
  const [trusting, misled] = [
    await resolverWith(anchor),
    await resolverWith(anchor.replace(/[0-9a-f]{8}$/i, '00000000')),
  ];
  expect(await trusting.resolveMx('signed.test')).toMatchObject([{ priority: 10, exchange: 'mail.signed.test' }]);
  await expect(misled.resolveMx('signed.test')).rejects.toThrow('ESERVFAIL');
});

test('what the authority publishes anew is served at once', async () => {
  await authority.publish({
    'plain.test': '@ MX 20 other\nother A 192.0.2.2',
    'signed.test': '@ MX 30 other\nother A 192.0.2.2',
  });
  const resolver = new Resolver();
  resolver.setServers([authority.server]);
  expect(await resolver.resolveMx('plain.test')).toMatchObject([{ priority: 20, exchange: 'other.plain.test' }]);
  expect(await resolver.resolveMx('signed.test')).toMatchObject([{ priority: 30, exchange: 'other.signed.test' }]);
});
