import { expect, test } from 'vitest';
import { type OperatorFlags, readOperatorSettings } from './settings.ts';

const FLAGS: OperatorFlags = {
  namespace: 'postfleet',
  image: 'postfleet:1',
  podsRole: 'postfleet-pods',
  identity: 'me',
  metrics: '127.0.0.1:9464',
  hostname: 'mx.test',
};

test('an operator watches all namespaces, or those that are named', () => {
  const settings = {
    namespace: 'postfleet',
    image: 'postfleet:1',
    podsRole: 'postfleet-pods',
    identity: 'me',
    metrics: { host: '127.0.0.1', port: 9464 },
    resolvers: [],
    allowPrivate: [],
    hostname: 'mx.test',
  };
  expect(readOperatorSettings(FLAGS)).toEqual(settings);
  expect(readOperatorSettings({ ...FLAGS, watchNamespaces: 'mail, shop' })).toEqual({
    ...settings,
    watchNamespaces: ['mail', 'shop'],
  });
});

test.each<[flags: Partial<OperatorFlags>, says: RegExp]>([
  [{ namespace: 'Mail' }, /--namespace .* "Mail"/],
  [{ watchNamespaces: 'mail,,shop' }, /--watch-namespaces .* ""/],
  [{ podsRole: 'a b' }, /--pods-role must name a ClusterRole, .* "a b"/],
  [{ image: 'a b' }, /--image must name an image/],
  [{ allowPrivate: ['10.1.0.0/16', '8.8.8.0/24'] }, /--allow-private must name a private network, .* "8.8.8.0\/24"/],
  [{ metrics: '9464' }, /--metrics 9464: must be/],
])('%j cannot be', (flags, says) => {
  expect(() => readOperatorSettings({ ...FLAGS, ...flags })).toThrow(says);
});
