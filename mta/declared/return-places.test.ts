import { createSecretKey } from 'node:crypto';
import { expect, test } from 'vitest';
import { sample } from '#crds/sample.ts';
import { dayOf } from '#lib/keyring/return-path-key.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { seededRandom } from '#lib/run/random.ts';
import { aMessage } from '../../test/harness/queue.ts';
import { worldWith } from '../../test/harness/world.ts';
import { ReturnPaths } from './return-paths.ts';
import { DeclaredPlaces } from './return-places.ts';

const POOL = { namespace: 'default', name: 'main' };
const domain = (name: string, spec: object = {}, namespace = 'default'): object =>
  sample('SendingDomain', { domain: name, poolRef: POOL, ...spec }, { name, namespace });

const HOST = { returnPathHost: 'bounce.example.com' };
const FBL = { feedbackAddresses: ['FBL@example.com', 'abuse@in.example.com'] };

function open(documents: readonly object[], proven: readonly string[] = ['example.com'], cluster: object = {}) {
  const clock = new FakeClock(Date.UTC(2026, 10, 22));
  const world = worldWith({ ingress: cluster }, ...documents);
  const keys = [{ day: dayOf(clock.now()), secret: createSecretKey(seededRandom(1).bytes(32)) }];
  const keyring = () => ({ signingKeys: () => [], credential: () => undefined, returnPathKeys: () => keys });
  const paths = new ReturnPaths({ clock, resources: () => world, keyring });
  const isProven = ({ spec }: { spec: { domain: string } }): boolean => proven.includes(spec.domain);
  const places = new DeclaredPlaces({ paths, resources: () => world, isProven, hostname: 'mx.host.test' });
  return { paths, places };
}

const OURS = { kind: 'feedback', tenants: ['default'] };

test.each<[string, object | undefined]>([
  ['fbl@example.com', OURS],
  ['Fbl@example.com', OURS],
  ['abuse@in.example.com', OURS],
  ['abuse@example.com', undefined],
  ['postmaster@bounce.example.com', OURS],
  ['POSTMASTER@bounce.example.com', OURS],
  ['postmaster@example.com', undefined],
  ['b-x@bounce.example.com', { kind: 'host', tenants: ['default'] }],
  ['postmaster@mx.host.test', { kind: 'feedback', tenants: 'all' }],
  ['somebody@mx.host.test', undefined],
])('%s takes mail back as %j', (address, want) => {
  expect(open([domain('example.com', { ...HOST, ...FBL })]).places.placeOf(address)).toEqual(want);
});

test('a return path comes first, also where it is found within a report', () => {
  const { paths, places } = open([domain('example.com', HOST)]);
  const sender = paths.senderOf(aMessage({ id: '01m804kbq61h2td7vkqgy132ca' }), 0);
  const returned = { tenant: 'default', message: '01m804kbq61h2td7vkqgy132ca', index: 0 };
  expect(places.placeOf(sender)).toEqual({ kind: 'return-path', ...returned });
  expect(places.read(sender)).toEqual(returned);
});

test('a domain that is not proven takes no complaints, and postmaster at its host is no such address', () => {
  const { places } = open([domain('example.com', { ...HOST, ...FBL })], []);
  expect(places.placeOf('fbl@example.com')).toBeUndefined();
  expect(places.placeOf('postmaster@bounce.example.com')).toEqual({ kind: 'host', tenants: ['default'] });
});

test('the addresses of the cluster take what is about anybody’s mail', () => {
  const { places } = open([], [], { feedbackAddresses: ['FBL@host.test'] });
  expect(places.placeOf('fbl@host.test')).toEqual({ kind: 'feedback', tenants: 'all' });
});

test('nothing is taken while nothing is declared, postmaster neither', () => {
  const { places } = open([domain('example.com')]);
  expect([places.isOpen, places.placeOf('postmaster@mx.host.test')]).toEqual([false, undefined]);
});
