import { describe, expect, test } from 'vitest';
import { sample } from '#crds/sample.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { resourceIn } from '../typed.ts';
import { type Chosen, planSink, type SinkPlan, type SinkView } from './sink.ts';
import { newSigningKey, sinkFile, sinkKeysIn } from './sink-secret.ts';

const cluster = resourceIn(sample('MTACluster', {}, { namespace: 'mta' }) as unknown as KubeObject, 'MTACluster');
if (!cluster) throw new Error('the sample is not valid');
const REFUSED = { kind: 'refused', reason: 'ClusterRefused', message: 'ask its owner' } as const;
const [NEW, OTHER] = [newSigningKey(Buffer.alloc(32, 1)), newSigningKey(Buffer.alloc(32, 2))];
const NONE: Chosen = { kind: 'none' };
const text = (it: string): Chosen => ({ kind: 'text', text: it });

function viewOf(more: Partial<SinkView> = {}, spec: object = {}): SinkView {
  const observed = sample('EventSink', spec, { namespace: 'shop', uid: 'u' }) as unknown as KubeObject;
  const sink = resourceIn(observed, 'EventSink');
  if (!sink || !cluster) throw new Error('the sample is not valid');
  const route = { kind: 'granted', cluster } as const;
  return { sink, observed, route, secret: undefined, signing: NONE, headers: NONE, newKey: NEW, ...more };
}

function made(more: Partial<SinkView> = {}): KubeObject {
  const { write } = planSink(viewOf(more));
  if (!write) throw new Error('nothing is made');
  return write.object;
}

const short = ({ findings }: SinkPlan): string[] =>
  findings.map(({ type, status, reason }) => `${type}=${status} ${reason}`);

describe('the Secret of a sink', () => {
  test('has a key that is made once, and belongs to the sink', () => {
    const secret = made();
    expect(sinkKeysIn(secret)).toEqual({ signing: NEW, isMade: true, headers: '' });
    expect(secret.metadata).toMatchObject({ namespace: 'shop', ownerReferences: [{ uid: 'u', controller: true }] });
    expect(planSink(viewOf({ secret, newKey: OTHER })).write).toBeUndefined();
  });

  test('has what the tenant has, and follows it', () => {
    const secret = made({ signing: text(`${OTHER}\n`), headers: text('Authorization: Bearer x\n') });
    expect(sinkKeysIn(secret)).toEqual({ signing: OTHER, isMade: false, headers: 'Authorization: Bearer x' });
    expect(planSink(viewOf({ secret, signing: text(NEW), headers: NONE })).write).toMatchObject({ how: 'replace' });
  });

  test('gets a key of its own when the tenant’s is named no more', () => {
    const secret = made({ signing: text(OTHER) });
    const { write } = planSink(viewOf({ secret }));
    expect(write && sinkKeysIn(write.object)?.signing).toBe(NEW);
  });

  test('is a file of the keyring', () => {
    const keys = { signing: NEW, isMade: true, headers: 'A: b\nC: d' };
    expect(sinkFile(viewOf().sink, keys)).toEqual([
      expect.stringMatching(/^shop\/[-a-z0-9]+\.json$/),
      JSON.stringify({ v: 1, signing: NEW, headers: ['A: b', 'C: d'] }),
    ]);
  });
});

const theirs = { ...made(), metadata: { name: 'hooks-webhook', namespace: 'shop' } };

test.each<[sentence: string, view: SinkView, reason: string]>([
  ['all is there', viewOf(), 'NotDelivered'],
  ['it is suspended', viewOf({}, { suspend: true }), 'Suspended'],
  ['its namespace is not granted', viewOf({ route: REFUSED }), 'ClusterRefused'],
  ['the Secret is somebody else’s', viewOf({ secret: theirs }), 'NameTaken'],
  ['a Secret it names is not there', viewOf({ headers: { kind: 'problem', problem: 'make it' } }), 'SecretMissing'],
  ['a key of its own is none', viewOf({ signing: text('hunter2') }), 'SecretInvalid'],
  ['a key of its own is too short', viewOf({ signing: text(newSigningKey(Buffer.alloc(16))) }), 'SecretInvalid'],
  ['a header is none', viewOf({ headers: text('hunter2') }), 'SecretInvalid'],
  ['a header describes the request', viewOf({ headers: text('Content-Length: 0') }), 'SecretInvalid'],
  ['headers are split by somebody', viewOf({ headers: text('A: b\r\n\r\nPOST /') }), 'SecretInvalid'],
])('when %s, it says so and nothing of what is secret', (_, view, reason) => {
  const plan = planSink(view);
  expect(short(plan).filter((it) => /^(Ready|Delivering)/.test(it))).toEqual([
    `Ready=False ${reason}`,
    `Delivering=False ${reason}`,
  ]);
  expect(plan.write !== undefined).toBe(reason === 'NotDelivered' || reason === 'Suspended');
  expect(JSON.stringify([plan.findings, plan.fields])).not.toMatch(/hunter2|whsec_[^ ]/);
});
