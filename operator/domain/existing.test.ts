import { describe, expect, test } from 'vitest';
import { sample } from '#crds/sample.ts';
import { generateKey } from '#lib/dkim/key.ts';
import type { Phase } from '#lib/dkim/rotation.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { resourceIn } from '../typed.ts';
import { type ExistingPlan, planExisting } from './existing.ts';
import { keyIn, type KeptKey, keySecret, type NewKey, pemIn } from './key-secret.ts';

const NOW = Date.UTC(2026, 5, 1);
const [pem, other, rsa] = [await generateKey('Ed25519'), await generateKey('Ed25519'), await generateKey('RSA2048')];
const existing = { selector: 'old', algorithm: 'Ed25519', secretRef: { name: 'mine', key: 'old.pem' } };
const document = sample('SendingDomain', { dkim: { existingKeys: [existing] } }, { namespace: 'shop' });
const domain = resourceIn(document as unknown as KubeObject, 'SendingDomain');
if (!domain) throw new Error('the sample is not valid');

function kept(more: Partial<NewKey> = {}, phase: Phase = 'Active'): KeptKey {
  if (!domain) throw new Error('no domain');
  const made = { selector: 'old', algorithm: 'Ed25519', revision: 0, madeAt: NOW, pem, ...more } as const;
  const key = keyIn(keySecret(domain, made));
  if (!key) throw new Error('no key');
  return { ...key, phase };
}

function plan(text: string | undefined, keys: readonly KeptKey[] = []): ExistingPlan {
  if (!domain) throw new Error('no domain');
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'mine', namespace: 'shop' },
    data: { 'old.pem': Buffer.from(text ?? '').toString('base64') },
  };
  return planExisting({ domain, keys, secrets: new Map(text === undefined ? [] : [['mine', secret]]), now: NOW });
}

const shortly = ({ make, remove, problems }: ExistingPlan): unknown[] => [make.length, remove.length, problems.length];

describe('a key that somebody has', () => {
  test('is copied as it is, whatever lies around it in its file', () => {
    const [made] = plan(`# of mine\n${pem}\n`).make;
    expect(made && keyIn(made)).toMatchObject({ selector: 'old', revision: 0, phase: 'Pending' });
    expect(made && pemIn(made)).toBe(pem);
  });

  test.each<[sentence: string, text: string | undefined, keys: KeptKey[], expected: number[]]>([
    ['its copy is there', `${pem}\n`, [kept()], [0, 0, 0]],
    ['its Secret holds another key', other, [kept()], [0, 1, 0]],
    ['it was named no more, and is again', pem, [kept({}, 'Retiring')], [0, 1, 0]],
    ['its Secret is gone, and its copy is there', undefined, [kept()], [0, 0, 1]],
    ['it is none', 'hunter2', [], [0, 0, 1]],
    ['it is of another algorithm', rsa, [], [0, 0, 1]],
    ['its selector is of a key that was made', pem, [kept({ revision: 1 })], [0, 0, 1]],
  ])('when %s: makes, removes, complains', (_, text, keys, expected) => {
    expect(shortly(plan(text, keys))).toEqual(expected);
  });

  test.each([
    [undefined, 'existing key old: there is no key old.pem of Secret shop/mine: make it'],
    [rsa, 'existing key old: key old.pem of Secret shop/mine must be of algorithm Ed25519'],
    ['hunter2', expect.stringMatching(/^existing key old: The DKIM key old .* must be a private key in PEM/) as string],
  ])('is complained of without a word of what it is', (text, sentence) => {
    const { problems } = plan(text);
    expect(problems).toEqual([sentence]);
    expect(problems.join()).not.toContain('hunter2');
  });
});
