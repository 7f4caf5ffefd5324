import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { readWorld } from './world-settings.ts';

test('a folder is a whole path, and nothing of Kubernetes', () => {
  expect(readWorld({ config: 'conf' }, { POD_NAME: 'x' })).toEqual({ config: 'conf' });
});

test('a cluster has its secrets where pods have them, and every namespace', () => {
  expect(readWorld({ cluster: 'mail/main' }, {})).toEqual({
    config: '/run/postfleet/config',
    kubernetes: { cluster: 'mail/main' },
  });
});

test('a pod knows itself, what is mounted, and the namespaces it reads', () => {
  const flags = { cluster: 'mail/main', mounts: 'm', watchNamespaces: 'shop, mail,shop' };
  const environment = { POD_NAMESPACE: 'mail', POD_NAME: 'main-1', POD_UID: 'u' };
  expect(readWorld(flags, environment)).toEqual({
    config: resolve('m'),
    kubernetes: {
      cluster: 'mail/main',
      namespaces: ['shop', 'mail'],
      pod: { namespace: 'mail', name: 'main-1', uid: 'u' },
    },
  });
});

test.each([
  [{}, '--config and --cluster: name one of them'],
  [{ config: 'c', cluster: 'mail/main' }, '--config and --cluster: name one of them'],
  [{ config: 'c', watchNamespaces: 'mail' }, '--watch-namespaces and --mounts go with --cluster'],
  [{ config: 'c', mounts: 'm' }, '--watch-namespaces and --mounts go with --cluster'],
  [{ cluster: 'main' }, '--cluster main: must be the namespace and the name'],
  [{ cluster: 'mail/main/x' }, 'such as mail/main'],
  [{ cluster: 'Mail/main' }, 'such as mail/main'],
  [{ cluster: 'mail/main', watchNamespaces: '' }, '"" cannot be a namespace'],
  [{ cluster: 'mail/main', watchNamespaces: 'shop' }, 'must name mail too'],
])('what cannot be meant says what to do: %j', (flags, sentence) => {
  expect(() => readWorld(flags, {})).toThrow(
    expect.objectContaining({ code: 'bad-setting', message: expect.stringContaining(sentence) }),
  );
});
