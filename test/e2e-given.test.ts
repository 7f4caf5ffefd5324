import { expect, test } from 'vitest';
import { formOf } from './e2e/load/phases.ts';
import { openNodes } from './e2e/given/nodes.ts';
import { imagesOf, placesOf, whyNot } from './e2e/given/places.ts';

test.each<[definitions: string[], says: RegExp]>([
  [['widgets.example.com', 'mtaclusters.postfleet.io'], /definitions of Postfleet/],
  [['dnsendpoints.externaldns.k8s.io'], /definition of external-dns/],
])('nothing is done to a cluster with the definitions %j', (definitions, says) => {
  expect(whyNot(definitions)).toMatch(says);
});

test('definitions of others are nobody’s business', () => {
  expect(whyNot(['', 'certificates.cert-manager.io', 'dnsrecords.externaldns.k8s.io'])).toBeUndefined();
});

test.each([
  ['registry.test:5000/postfleet:1.0', '1.1', { repository: 'registry.test:5000/postfleet', tag: '1.0', next: '1.1' }],
  ['registry.test:5000/postfleet', '1.1', undefined],
  ['postfleet:1.0', '1.0', undefined],
  ['postfleet:1.0', undefined, undefined],
  [undefined, '1.0', undefined],
])('the image %s and the tag %s are %o', (image, next, images) => {
  expect(imagesOf(image, next)).toEqual(images);
});

test.each([
  ['nothing about it', {}, 1],
  ['that pods rather run elsewhere', { taints: [{ effect: 'PreferNoSchedule' }] }, 1],
  ['that it is for the control plane', { taints: [{ effect: 'NoSchedule' }] }, 0],
  ['that pods have to leave it', { taints: [{ effect: 'PreferNoSchedule' }, { effect: 'NoExecute' }] }, 0],
  ['that it is being drained', { unschedulable: true }, 0],
])('of a node that says %s mail leaves: %j', (_, spec, count) => {
  const addresses = [
    { type: 'Hostname', address: 'a' },
    { type: 'InternalIP', address: '10.0.0.1' },
  ];
  const found = openNodes([{ metadata: { name: 'a' }, spec, status: { addresses } }]);
  expect(found).toEqual([{ node: 'a', address: '10.0.0.1' }].slice(0, count));
});

test('two runs make nothing of the same name', () => {
  expect(new Set([...Object.values(placesOf('a')), ...Object.values(placesOf('b'))]).size).toBe(8);
});

test.each([true, false])('an API server that is not ours is never ended (short: %s)', (isShort) => {
  const ends = (hasApiServer: boolean): number =>
    formOf({ isShort, hasApiServer }).phases.filter(({ name }) => name.includes('API server')).length;
  expect([ends(true), ends(false)]).toEqual([1, 0]);
});
