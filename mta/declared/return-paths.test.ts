import { createSecretKey } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { sample } from '#crds/sample.ts';
import { dayOf, type ReturnPathKey } from '#lib/keyring/return-path-key.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { seededRandom } from '#lib/run/random.ts';
import { aMessage } from '../../test/harness/queue.ts';
import { worldOf } from '../../test/harness/world.ts';
import { ReturnPaths } from './return-paths.ts';

const domain = (name: string, spec: object = {}, namespace = 'default'): object =>
  sample(
    'SendingDomain',
    { domain: name, poolRef: { namespace: 'default', name: 'main' }, ...spec },
    { name, namespace },
  );

function open(...documents: readonly object[]) {
  const clock = new FakeClock(Date.UTC(2026, 10, 22));
  let world = worldOf(...documents);
  let keys: readonly ReturnPathKey[] = [
    { day: dayOf(clock.now()), secret: createSecretKey(seededRandom(1).bytes(32)) },
  ];
  const keyring = () => ({ signingKeys: () => [], credential: () => undefined, returnPathKeys: () => keys });
  const paths = new ReturnPaths({ clock, resources: () => world, keyring });
  const declare = (...changed: readonly object[]): void => void (world = worldOf(...changed));
  return { paths, declare, loseKeys: () => (keys = []) };
}

const OWN = { returnPathHost: 'bounce.example.com' };
const message = aMessage({ sender: 'a@example.com', recipients: ['b@dest.test', 'c@dest.test'] });

describe('a message is sent from', () => {
  test('a signed return path when its domain says where mail may come back', () => {
    const { paths } = open(domain('example.com', OWN));
    const sender = paths.senderOf(message, 1);
    expect(sender).toMatch(/^b-[0-9a-z]{29}-[0-9a-z]{26}@bounce\.example\.com$/);
    expect(paths.read(sender)).toEqual({ tenant: 'default', message: message.id, index: 1 });
  });

  test.each<[string, readonly object[], Partial<typeof message>]>([
    ['the domain says nothing', [domain('example.com')], {}],
    ['only another domain of the tenant says so', [domain('example.com'), domain('b.example', OWN)], {}],
    ['only another tenant says so', [domain('example.com', OWN, 'other')], {}],
    ['the sender is null', [domain('example.com', OWN)], { sender: '' }],
  ])('the sender as submitted when %s', (_, documents, over) => {
    const { paths } = open(...documents);
    expect(paths.senderOf({ ...message, ...over }, 0)).toBe(over.sender ?? 'a@example.com');
  });

  test('the sender as submitted while there is no key', () => {
    const { paths, loseKeys } = open(domain('example.com', OWN));
    loseKeys();
    expect(paths.senderOf(message, 0)).toBe('a@example.com');
  });
});

test('a return path is read as long as its host is declared, and by nobody else at it', () => {
  const { paths, declare } = open(domain('example.com', OWN));
  const sender = paths.senderOf(message, 0);
  declare(domain('other.example', OWN, 'other'));
  expect(paths.read(sender)).toBeUndefined();
  declare(domain('other.example', OWN, 'other'), domain('example.com', OWN));
  expect(paths.read(sender)).toMatchObject({ tenant: 'default' });
  declare(domain('example.com'));
  expect(paths.read(sender)).toBeUndefined();
});
