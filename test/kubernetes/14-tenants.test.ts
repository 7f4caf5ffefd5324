/**
 * What a cluster's owner grants, and what tenants declare of it: credentials with their Secrets, pools, policies, sinks, domains.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseCredential } from '#lib/keyring/credential.ts';
import { isProven, isProvenGenerated } from '#lib/keyring/proof.ts';
import type { CredentialRecord } from '#lib/keyring/keyring.ts';
import type { KubeType } from '#lib/kube/kube.ts';
import { SECRETS } from '#operator/types.ts';
import { filesIn, keyringSecrets, reportKeyring, wholeKeyring } from '../harness/keyring-pods.ts';
import { Operated, textIn } from '../harness/operated.ts';
import { type OperatorProcess, startOperatorProcess } from '../harness/operator.ts';
import { openScene } from '../harness/scene.ts';
import { until } from '../harness/until.ts';

const stage = openScene();
const MAIN = { name: 'main', namespace: 'mta' };

let site: Operated;
let operator: OperatorProcess;

beforeAll(async () => {
  site = await Operated.start(stage);
  for (const namespace of ['mta', 'other']) await site.namespace(namespace);
  await site.namespace('shop', { team: 'shop' });
  await site.declare('MTACluster', 'mta/main', {
    queue: { nats: { servers: ['nats://nats:4222'] } },
    ingress: { listeners: [{ name: 'submission', protocol: 'SMTP', port: 587 }] },
    namespaces: { from: 'Selector', selector: { matchLabels: { team: 'shop' } } },
  });
  operator = await startOperatorProcess(stage, site.plane);
}, 120_000);
afterAll(() => site.close());

const says = async (
  kind: Parameters<Operated['conditions']>[0],
  place: string,
  ...expected: string[]
): Promise<void> => {
  await until(
    `${kind} ${place} says ${expected.join()}`,
    async () => {
      const found = await site.conditions(kind, place);
      return expected.every((it) => found.includes(it));
    },
    30_000,
  );
};

/** What proves a username in the cluster's keyring. */
async function recordOf(username: string): Promise<CredentialRecord | undefined> {
  const secrets = await keyringSecrets(site.kube, 'mta');
  const text = secrets.map((it) => filesIn(it).get(`${username}.json`)).find((it) => it !== undefined);
  return text === undefined ? undefined : parseCredential(text);
}

/** Whether the keyring proves this password for the username. */
async function isLetIn(username: string, password: string): Promise<boolean> {
  const { secret } = (await recordOf(username)) ?? {};
  if (secret?.kind === 'scrypt') return isProven(password, secret);
  return secret !== undefined && isProvenGenerated(password, secret.hash);
}

describe('a credential', () => {
  test('gets a Secret with all that a sender needs, and the keyring what proves it', async () => {
    await site.declare('SendingCredential', 'shop/app', { clusterRef: MAIN });
    await says('SendingCredential', 'shop/app', 'Accepted=True Granted', 'Ready=False NoIngress');
    const secret = await site.secret('shop/app-credential');
    expect(textIn(secret, 'username')).toBe('shop.app');
    expect(textIn(secret, 'uri')).toMatch(/^smtp:\/\/shop\.app:[\w-]{43}@main-ingress\.mta\.svc:587$/);
    await until('it is let in', () => isLetIn('shop.app', textIn(secret, 'password')));
    expect(await site.object('SendingCredential', 'shop/app')).toMatchObject({
      status: { username: 'shop.app', secretName: 'app-credential' },
    });
  });

  test('is ready when every pod of ingress says that it has it', async () => {
    await reportKeyring(site.kube, 'mta', 'ingress', {});
    await says('SendingCredential', 'shop/app', 'Ready=False Loading');
    await reportKeyring(site.kube, 'mta', 'ingress', await wholeKeyring(site.kube, 'mta'));
    await says('SendingCredential', 'shop/app', 'Ready=True Ready');
    expect(await site.conditions('SendingCredential', 'shop/app')).toEqual([
      'Ready=True Ready',
      'Accepted=True Granted',
      'Loaded=True Loaded',
    ]);
  });

  test('gets another password when its Secret is deleted', async () => {
    const before = textIn(await site.secret('shop/app-credential'), 'password');
    await site.kube.delete({ type: SECRETS, namespace: 'shop', name: 'app-credential' });
    await until('there is another', async () => {
      const now = textIn(await site.secret('shop/app-credential'), 'password');
      return now !== '' && now !== before && isLetIn('shop.app', now);
    });
    expect(await isLetIn('shop.app', before)).toBe(false);
  });

  test('may have a password of its tenant’s own, which goes nowhere', async () => {
    const own = (password: string) => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'mine', namespace: 'shop' },
      data: { password: Buffer.from(password).toString('base64') },
    });
    const spec = { clusterRef: MAIN, secretRef: { name: 'mine', key: 'password' } };
    await site.declare('SendingCredential', 'shop/own', spec);
    await says('SendingCredential', 'shop/own', 'Stalled=True SecretMissing');
    await site.apply(SECRETS, own('hunter2'));
    await until('it is let in', () => isLetIn('shop.own', 'hunter2'), 20_000);
    await site.apply(SECRETS, own('hunter3'));
    await until('the next is let in', () => isLetIn('shop.own', 'hunter3'), 20_000);
    expect(await isLetIn('shop.own', 'hunter2')).toBe(false);
    const all = [
      await site.object('SendingCredential', 'shop/own'),
      ...(await keyringSecrets(site.kube, 'mta')).map(filesIn),
    ];
    expect(JSON.stringify(all) + (await operator.metrics())).not.toContain('hunter');
    expect(operator.program.stdout + operator.program.stderr).not.toContain('hunter');
  });

  test('takes over no Secret that somebody else has made', async () => {
    const theirs = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'taken-credential', namespace: 'shop' },
      data: { password: Buffer.from('p'.repeat(43)).toString('base64') },
    };
    await site.apply(SECRETS, theirs);
    await site.declare('SendingCredential', 'shop/taken', { clusterRef: MAIN });
    await says('SendingCredential', 'shop/taken', 'Stalled=True NameTaken');
    expect((await site.secret('shop/taken-credential'))?.['data']).toEqual(theirs.data);
    expect(await recordOf('shop.taken')).toBeUndefined();
  });

  test('of a namespace that is not granted gets nothing, until its namespace is', async () => {
    await site.declare('SendingCredential', 'other/app', { clusterRef: MAIN });
    await says('SendingCredential', 'other/app', 'Stalled=True ClusterRefused', 'Accepted=False ClusterRefused');
    expect(await site.secret('other/app-credential')).toBeUndefined();
    await site.namespace('other', { team: 'shop' });
    await says('SendingCredential', 'other/app', 'Accepted=True Granted');
    await until('it is in the keyring', async () => (await recordOf('other.app')) !== undefined);
    await site.namespace('other');
    await says('SendingCredential', 'other/app', 'Accepted=False ClusterRefused');
    await until('it is there no more', async () => (await recordOf('other.app')) === undefined);
  });
});

test('a pool is accepted where its namespace is granted', async () => {
  const health = { requireFCrDNS: 'Warn' };
  const spec = { clusterRef: MAIN, members: [{ name: 'one', address: '192.0.2.1', egress: 'Local' }], health };
  await site.declare('IPPool', 'shop/main', spec);
  await site.declare('IPPool', 'other/main', spec);
  await says('IPPool', 'shop/main', 'Ready=True Ready', 'Accepted=True Granted');
  await says('IPPool', 'other/main', 'Stalled=True ClusterRefused');
  expect(await site.object('IPPool', 'shop/main')).toMatchObject({ status: { memberCount: 1, availableCount: 1 } });
});

test('of policies for the same destinations the older holds, and one away from its cluster counts nowhere', async () => {
  const policy = (match: object) => ({ clusterRef: { name: 'main' }, match });
  await site.declare('DestinationPolicy', 'mta/first', policy({ domains: ['a.example'] }));
  await says('DestinationPolicy', 'mta/first', 'Ready=True Ready');
  await site.declare('DestinationPolicy', 'mta/second', policy({ domains: ['a.example'] }));
  await site.declare('DestinationPolicy', 'shop/away', policy({ all: {} }));
  await says('DestinationPolicy', 'mta/second', 'Stalled=True Conflicted', 'Conflicted=True OlderPolicy');
  await says('DestinationPolicy', 'shop/away', 'Stalled=True ClusterMissing');
  expect(await site.conditions('DestinationPolicy', 'mta/first')).toContain('Conflicted=False NoConflict');
});

const EVENTS: KubeType = { group: 'events.k8s.io', version: 'v1', plural: 'events', kind: 'Event' };

test('what became of a resource is told as Events', async () => {
  const told = async (name: string): Promise<string[]> => {
    const { objects } = await site.kube.list(EVENTS, { namespace: 'shop' });
    return objects
      .filter(({ regarding }) => (regarding as { name: string }).name === name)
      .map(({ type, reason }) => `${String(type)} ${String(reason)}`);
  };
  await until('it is told', async () => (await told('taken')).includes('Warning NameTaken'));
  expect(await told('app')).toContain('Normal Ready');
  expect(JSON.stringify((await site.kube.list(EVENTS)).objects)).not.toContain('hunter');
});

test('a sink has a key in the keyring, its own or its tenant’s, and says that nothing is delivered', async () => {
  const webhook = { url: 'https://hooks.example.com/mail' };
  await site.declare('EventSink', 'shop/hooks', { clusterRef: MAIN, webhook });
  await says('EventSink', 'shop/hooks', 'Accepted=True Granted', 'Delivering=False NotDelivered');
  expect(await site.conditions('EventSink', 'shop/hooks')).toContain('Ready=False NotDelivered');
  const made = textIn(await site.secret('shop/hooks-webhook'), 'signing.key');
  expect(made).toMatch(/^whsec_[\w+/]{43}=$/);
  const kept = async (): Promise<string | undefined> =>
    filesIn((await site.secret('mta/main-keyring-sinks')) ?? { apiVersion: '', kind: '', metadata: { name: '' } }).get(
      'shop/hooks.json',
    );
  await until('it is in the keyring', async () => (await kept())?.includes(made));
  const theirs = `whsec_${'A'.repeat(43)}=`;
  const metadata = { name: 'hook-key', namespace: 'shop' };
  const data = { key: Buffer.from(theirs).toString('base64') };
  await site.apply(SECRETS, { apiVersion: 'v1', kind: 'Secret', metadata, data });
  const signingRef = { name: 'hook-key', key: 'key' };
  await site.declare('EventSink', 'shop/hooks', { clusterRef: MAIN, webhook: { ...webhook, signingRef } });
  await until('the tenant’s is', async () => (await kept())?.includes(theirs));
  expect(JSON.stringify(await site.object('EventSink', 'shop/hooks'))).not.toContain('whsec_');
  expect(operator.program.stdout + operator.program.stderr).not.toContain('whsec_');
});

test('of two declarations of a domain in a namespace the older holds', async () => {
  const spec = { domain: 'example.com', poolRef: { name: 'main' }, dkim: { algorithms: ['Ed25519'] } };
  await site.declare('SendingDomain', 'shop/a', spec);
  await says('SendingDomain', 'shop/a', 'PoolAccepted=True Granted');
  await site.declare('SendingDomain', 'shop/b', spec);
  await says('SendingDomain', 'shop/b', 'Stalled=True DomainTaken', 'PoolAccepted=False DomainTaken');
  expect((await site.object('SendingDomain', 'shop/b'))?.['status']).not.toHaveProperty('pool');
});
