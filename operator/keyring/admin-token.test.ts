import { expect, test } from 'vitest';
import { sample } from '#crds/sample.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { resourceIn } from '../typed.ts';
import { adminTokenSecret } from './admin-token.ts';

const cluster = resourceIn(sample('MTACluster', {}, { namespace: 'mta' }) as unknown as KubeObject, 'MTACluster');
if (!cluster) throw new Error('the sample is not valid');
const blueprint = { cluster, uid: 'u', image: '', relayPorts: [], proxyLogins: [], podsRole: '' };
let drawn = 0;
const bytes = (length: number): Buffer => Buffer.alloc(length, (drawn += 1));
const tokenOf = (secret: KubeObject): string =>
  Buffer.from((secret['data'] as { readonly token: string }).token, 'base64').toString();

test('a cluster has a token of 256 bits, which stays as it is', () => {
  const made = adminTokenSecret(blueprint, undefined, bytes);
  expect(made.metadata).toMatchObject({ name: 'local-admin-token', namespace: 'mta' });
  expect(tokenOf(made)).toMatch(/^[\w-]{43}$/);
  expect(adminTokenSecret(blueprint, made, bytes)).toEqual(made);
});

test.each(['', 'short', 'with a space'.padEnd(50)])('%j in its place becomes a token', (text) => {
  const made = adminTokenSecret(blueprint, undefined, bytes);
  const broken = { ...made, data: { token: Buffer.from(text).toString('base64') } };
  expect(tokenOf(adminTokenSecret(blueprint, broken, bytes))).toMatch(/^[\w-]{43}$/);
});
