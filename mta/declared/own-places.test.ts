import { expect, test } from 'vitest';
import { worldWith } from '../../test/harness/world.ts';
import { ownPlaces } from './own-places.ts';

const listener = (port: number, address?: string) => ({
  name: `smtp-${port}-${address?.length ?? 0}`,
  protocol: 'SMTP',
  port,
  ...(address !== undefined && { address }),
});

const places = (...listeners: object[]) => {
  const { names, addresses } = ownPlaces(worldWith({ ingress: { listeners } }), 'mta.test');
  return { names: [...names], addresses: [...addresses] };
};

test.each([
  ['nowhere without a listener on port 25', [listener(587)], { names: [], addresses: [] }],
  ['the address of a listener on port 25', [listener(25, '192.0.2.25'), listener(587)], { addresses: ['192.0.2.25'] }],
  ['the addresses of the pools when it listens on any', [listener(25)], { addresses: ['192.0.2.1'] }],
])('mail is taken on port 25 at %s', (_, listeners, expected) => {
  expect(places(...listeners)).toMatchObject(expected);
});

test('the names that go with them are those we greet with', () => {
  expect(places(listener(25)).names).toContain('mta.test');
});
