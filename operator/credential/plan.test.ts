import { describe, expect, test } from 'vitest';
import { sample } from '#crds/sample.ts';
import { isProvenGenerated } from '#lib/keyring/proof.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { hours } from '#lib/run/clock.ts';
import { resourceIn } from '../typed.ts';
import { type CredentialView, planCredential } from './plan.ts';
import { recordIn } from './secret.ts';

const NOW = Date.UTC(2026, 5, 1);
const PASSWORD = 'p'.repeat(43);
const REFUSED = { kind: 'refused', reason: 'ClusterRefused', message: 'ask' } as const;

const listeners = [{ name: 'submission', protocol: 'SMTP', port: 587 }];
const cluster = resourceIn(
  sample('MTACluster', { ingress: { listeners } }, { namespace: 'mta' }) as unknown as KubeObject,
  'MTACluster',
);
if (!cluster) throw new Error('the sample is not valid');

function viewOf(spec: object, more: Partial<CredentialView> = {}, status: object = {}): CredentialView {
  const document = sample('SendingCredential', spec, { namespace: 'shop', uid: 'u', generation: 3 });
  const observed = { ...document, status } as unknown as KubeObject;
  const credential = resourceIn(observed, 'SendingCredential');
  if (!credential || !cluster) throw new Error('the sample is not valid');
  return {
    credential,
    observed,
    route: { kind: 'granted', cluster },
    secret: undefined,
    chosen: undefined,
    newPassword: PASSWORD,
    loaded: 'everywhere',
    usedOn: undefined,
    missing: [],
    now: NOW,
    ...more,
  };
}

/** The Secret that was made of it. */
function madeOf(spec: object = {}, more: Partial<CredentialView> = {}): KubeObject {
  const { write } = planCredential(viewOf(spec, more));
  if (!write) throw new Error('nothing is made');
  return write.object;
}

const textsIn = ({ data }: KubeObject): Record<string, string> =>
  Object.fromEntries(
    Object.entries(data as object).map(([name, it]) => [name, Buffer.from(String(it), 'base64').toString()]),
  );
const conditions = (view: CredentialView): string[] =>
  planCredential(view).status.conditions.map(({ type, status, reason }) => `${type}=${status} ${reason}`);

describe('the Secret of a credential', () => {
  test('has all that a sender needs, and belongs to the credential', () => {
    const secret = madeOf();
    expect(textsIn(secret)).toEqual({
      username: 'shop.app',
      password: PASSWORD,
      token: `shop.app~${PASSWORD}`,
      host: 'local-ingress.mta.svc',
      port: '587',
      uri: `smtp://shop.app:${PASSWORD}@local-ingress.mta.svc:587`,
    });
    expect(secret.metadata).toMatchObject({
      name: 'app-credential',
      ownerReferences: [{ uid: 'u', controller: true }],
    });
    const { secret: proof } = recordIn(secret, 'shop.app') ?? {};
    expect(proof?.kind === 'sha256' && isProvenGenerated(PASSWORD, proof.hash)).toBe(true);
  });

  test('is left alone, and keeps its password when its address changes', () => {
    const secret = madeOf();
    expect(planCredential(viewOf({}, { secret, newPassword: 'q'.repeat(43) })).write).toBeUndefined();
    const moved = { ...cluster, metadata: { ...cluster.metadata, name: 'other' } };
    const { write } = planCredential(
      viewOf({}, { secret, newPassword: 'q'.repeat(43), route: { kind: 'granted', cluster: moved } }),
    );
    expect(write?.how).toBe('replace');
    expect(textsIn(write?.object ?? secret)).toMatchObject({ password: PASSWORD, host: 'other-ingress.mta.svc' });
  });

  test('is a proof alone when the password is somebody’s own', () => {
    const record = {
      v: 1,
      username: 'shop.app',
      secret: { kind: 'sha256', hash: Buffer.alloc(32).toString('base64') },
    } as const;
    const spec = { secretRef: { name: 'mine', key: 'password' } };
    const secret = madeOf(spec, { chosen: { kind: 'proven', record } });
    expect(secret.metadata.name).toBe('app-proof');
    expect(recordIn(secret, 'shop.app')).toEqual(record);
    expect(recordIn(secret, 'other.app')).toBeUndefined();
    expect(planCredential(viewOf(spec, { chosen: { kind: 'proven', record }, secret })).status).not.toHaveProperty(
      'secretName',
    );
  });
});

const theirs = { ...madeOf(), metadata: { name: 'app-credential', namespace: 'shop' } };
const changed = { ...madeOf(), data: { password: Buffer.from('123456').toString('base64') } };
const LATCHED = { conditions: [{ type: 'Loaded', status: 'True', reason: 'Loaded', message: '' }] };

test.each<[sentence: string, view: CredentialView, ready: string[]]>([
  [
    'all is there',
    viewOf({}, { secret: madeOf() }),
    ['Ready=True Ready', 'Accepted=True Granted', 'Loaded=True Loaded'],
  ],
  [
    'ingress has not all of it',
    viewOf({}, { loaded: 'not-everywhere' }),
    ['Ready=False Loading', 'Reconciling=True Loading', 'Accepted=True Granted', 'Loaded=False Loading'],
  ],
  [
    'it was everywhere, and a pod has just begun',
    viewOf({}, { secret: madeOf(), loaded: 'not-everywhere' }, LATCHED),
    ['Ready=True Ready', 'Accepted=True Granted', 'Loaded=True Loaded'],
  ],
  [
    'it was everywhere, and has a new password',
    viewOf({}, { loaded: 'not-everywhere' }, LATCHED),
    ['Ready=False Loading', 'Reconciling=True Loading', 'Accepted=True Granted', 'Loaded=False Loading'],
  ],
  [
    'no ingress runs',
    viewOf({}, { loaded: 'nobody-runs' }),
    ['Ready=False NoIngress', 'Reconciling=True NoIngress', 'Accepted=True Granted', 'Loaded=Unknown NoIngress'],
  ],
  [
    'its namespace is granted nothing',
    viewOf({}, { route: REFUSED, loaded: 'not-everywhere' }),
    [
      'Ready=False ClusterRefused',
      'Stalled=True ClusterRefused',
      'Accepted=False ClusterRefused',
      'Loaded=False Loading',
    ],
  ],
  [
    'the Secret is somebody else’s',
    viewOf({}, { secret: theirs }),
    ['Ready=False NameTaken', 'Stalled=True NameTaken'],
  ],
  [
    'the password was changed',
    viewOf({}, { secret: changed }),
    ['Ready=False SecretChanged', 'Stalled=True SecretChanged'],
  ],
  [
    'the Secret it names is not there',
    viewOf({}, { chosen: { kind: 'absent', problem: 'make it' } }),
    ['Ready=False SecretMissing', 'Stalled=True SecretMissing'],
  ],
  [
    'a domain is missing',
    viewOf({}, { missing: ['shop/a'] }),
    ['Ready=False DomainMissing', 'Reconciling=True DomainMissing'],
  ],
  ['it is suspended', viewOf({ suspend: true }), ['Ready=False Suspended', 'Accepted=True Granted']],
  ['it is over', viewOf({ expiresAt: '2026-05-31T00:00:00Z' }), ['Ready=False Expired', 'Accepted=True Granted']],
])('when %s, it says so', (_, view, expected) => {
  expect(conditions(view)).toEqual(expect.arrayContaining(expected));
  expect(conditions(view).length).toBeLessThanOrEqual(4);
});

test.each<[known: string | undefined, told: string | undefined, said: string | undefined]>([
  [undefined, undefined, undefined],
  [undefined, '2026-05-31', '2026-05-31'],
  ['2026-05-30', '2026-05-31', '2026-05-31'],
  ['2026-05-31', '2026-05-30', '2026-05-31'],
  ['2026-05-31', undefined, '2026-05-31'],
])('last used on %s, and on %s as pods tell: on %s', (lastUsedDate, usedOn, said) => {
  const { status } = planCredential(viewOf({}, { usedOn }, { ...(lastUsedDate !== undefined && { lastUsedDate }) }));
  expect(status['lastUsedDate']).toBe(said);
});

test('nothing is made of one that is refused, or whose Secret is not its own', () => {
  expect(planCredential(viewOf({}, { route: REFUSED })).write).toBeUndefined();
  expect(planCredential(viewOf({}, { secret: theirs })).write).toBeUndefined();
});

test('it is looked at again when it ends', () => {
  expect(planCredential(viewOf({ expiresAt: '2026-06-01T01:00:00Z' })).again).toBe(hours(1));
  expect(planCredential(viewOf({})).again).toBeUndefined();
});

test('no condition and no field of the status has the password', () => {
  expect(JSON.stringify(planCredential(viewOf({})).status)).not.toContain(PASSWORD);
});
