import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { KubeAccess } from './access.ts';
import { podAccess, podApiOf } from './pod-access.ts';

/** Files of a service account, as they are in a pod. */
function account(files: Readonly<Record<string, string>> = { token: 't1\n', 'ca.crt': 'ca', namespace: 'mail\n' }) {
  const folder = mkdtempSync(join(tmpdir(), 'account-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const put = (name: string, text: string): void => writeFileSync(join(folder, name), text);
  for (const [name, text] of Object.entries(files)) put(name, text);
  const environment = { KUBERNETES_SERVICE_HOST: '10.0.0.1', POSTFLEET_SERVICE_ACCOUNT: folder };
  return { folder, put, environment };
}

function accessOf(environment: NodeJS.ProcessEnv): KubeAccess {
  const api = podApiOf(environment);
  if (!api) throw new Error('this is no pod');
  return podAccess(api);
}

test('a pod finds the API server, and reads its token for each request', async () => {
  const { put, environment } = account();
  const access = accessOf(environment);
  expect([access.server.href, access.namespace]).toEqual(['https://10.0.0.1/', 'mail']);
  const first = await access.options();
  expect(first.headers).toEqual({ authorization: 'Bearer t1' });
  put('token', 't2');
  const second = await access.options();
  expect(second.headers).toEqual({ authorization: 'Bearer t2' });
  expect(second.agent).toBe(first.agent);
  put('ca.crt', 'another');
  expect((await access.options()).agent).not.toBe(first.agent);
  access.close();
});

test('an address of IPv6, and another port, are as they should be in a URL', () => {
  const { environment } = account();
  const where = { ...environment, KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443' };
  expect(accessOf(where).server.href).toBe('https://[fd00::1]:6443/');
});

test.each<[sentence: string, given: (it: ReturnType<typeof account>) => NodeJS.ProcessEnv]>([
  ['this is no pod', ({ folder }) => ({ POSTFLEET_SERVICE_ACCOUNT: folder })],
  ['the pod has no token', () => account({ namespace: 'mail' }).environment],
  ['it names a kubeconfig', ({ environment }) => ({ ...environment, KUBECONFIG: '/a/file' })],
])('when %s, nothing is known', (_, given) => {
  expect(podApiOf(given(account()))).toBeUndefined();
});
