import { describe, expect, test } from 'vitest';
import { sample } from '#crds/sample.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { resourceIn } from '../typed.ts';
import { domainOf, inPhase, keyIn, keySecret, pemIn } from './key-secret.ts';

const domain = resourceIn(sample('SendingDomain', {}, { namespace: 'mail' }) as unknown as KubeObject, 'SendingDomain');
if (!domain) throw new Error('the sample is not valid');

const MADE = Date.UTC(2026, 5, 1);
const NEW = { selector: 'pf20260601r', algorithm: 'RSA2048', revision: 3, madeAt: MADE, pem: 'secret' } as const;
const secret = keySecret(domain, NEW);
const read = keyIn(secret);

describe('a key in its Secret', () => {
  test('is read as it was made, and belongs to nobody', () => {
    const { pem, ...said } = NEW;
    expect(pemIn(secret)).toBe(pem);
    expect(read).toEqual({ ...said, isBrought: false, phase: 'Pending', since: MADE, domain: 'example.com', secret });
    expect([secret.metadata.name, secret.metadata['ownerReferences'], secret['immutable'], domainOf(secret)]).toEqual([
      'example.com-dkim-r3',
      undefined,
      true,
      'example.com',
    ]);
  });

  test('that somebody brought has a name and a revision of its own', () => {
    const brought = keySecret(domain, { ...NEW, selector: 'mail.old', revision: 0 });
    expect(brought.metadata.name).toBe('example.com-dkim-own.mail.old');
    expect(keyIn(brought)).toMatchObject({ selector: 'mail.old', revision: 0 });
  });

  test('changes its phase and nothing else', () => {
    if (!read) throw new Error('no key');
    const moved = inPhase(read, { ...read, phase: 'Active', since: MADE + 5 });
    expect(keyIn(moved)).toEqual({ ...read, phase: 'Active', since: MADE + 5, secret: moved });
    expect(moved['data']).toEqual(secret['data']);
  });

  test('is seen anew when its annotations were lost', () => {
    const bare = { ...secret, metadata: { ...secret.metadata, annotations: {} } };
    expect(keyIn(bare)).toMatchObject({ phase: 'Pending', since: MADE, selector: 'pf20260601r' });
  });

  test.each(['selector', 'algorithm', 'revision', 'madeAt', 'private.pem'])('is none without %s', (field) => {
    const { [field]: _, ...data } = secret['data'] as Record<string, string>;
    expect(keyIn({ ...secret, data })).toBeUndefined();
  });

  test('is told from other Secrets', () => {
    expect(domainOf({ ...secret, type: 'Opaque' })).toBeUndefined();
  });
});
