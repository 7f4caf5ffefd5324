import { describe, expect, test } from 'vitest';
import { sample } from '#crds/sample.ts';
import { credentialFile } from '#lib/keyring/folder.ts';
import type { CredentialRecord } from '#lib/keyring/keyring.ts';
import { proofOfGenerated } from '#lib/keyring/proof.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { resourceIn } from '../typed.ts';
import { compiledIn, filesIn, keyringDrafts, type KeyringKey, partOf, signerFile } from './parts.ts';
import { countWhole, haveAll, reportsOf } from './reports.ts';

const cluster = resourceIn(sample('MTACluster', {}, { namespace: 'mta' }) as unknown as KubeObject, 'MTACluster');
if (!cluster) throw new Error('the sample is not valid');
const secretsOf = (keys: KeyringKey[], credentials: CredentialRecord[] = []): KubeObject[] =>
  keyringDrafts(blueprint, {
    keys,
    credentials,
    returnPath: new Map(),
    sinks: new Map([['shop/hooks.json', '{}']]),
  }).map((it) => it.make());
const blueprint = { cluster, uid: 'u', image: '', relayPorts: [], proxyLogins: [], podsRole: '' };
const signer = (namespace: string, selector: string): KeyringKey => ({
  namespace,
  domain: 'example.com',
  selector,
  pem: () => 'p',
});

describe('the keyring', () => {
  test('is as many Secrets as ever, whoever signs', () => {
    const names = (signers: KeyringKey[]): string[] => secretsOf(signers).map(({ metadata }) => metadata.name);
    expect(names([])).toEqual(names([signer('mail', 'a'), signer('shop', 'b')]));
    expect(names([])).toHaveLength(22);
  });

  test('has all keys of a domain in one of them', () => {
    const secrets = secretsOf([signer('mail', 'a'), signer('mail', 'b'), signer('shop', 'a')]);
    const { files } = compiledIn(secrets[partOf('mail', 'example.com')]);
    expect([...files]).toEqual(
      expect.arrayContaining([signerFile('mail', 'example.com', 'a'), signerFile('mail', 'example.com', 'b')]),
    );
  });

  test('says of a key that signs no more that it does not, and has nothing else of it', () => {
    const { namespace, domain, selector } = signer('mail', 'a');
    const secrets = secretsOf([{ namespace, domain, selector }]);
    expect([...compiledIn(secrets[partOf('mail', 'example.com')]).files]).toEqual([
      'mail/a._domainkey.example.com.retired',
    ]);
  });

  test('has what proves a credential, and not the secret', () => {
    const record: CredentialRecord = { v: 1, username: 'mail.app', secret: proofOfGenerated('hunter2') };
    const found = secretsOf([], [record]).filter((it) => compiledIn(it).files.has(credentialFile('mail.app')));
    expect(found.map(({ metadata }) => metadata.name)).toEqual([
      expect.stringMatching(/^local-keyring-credentials-0[0-3]$/),
    ]);
    expect(JSON.stringify([...filesIn(found[0])])).not.toContain('hunter2');
  });

  test('has another revision when another key signs, and the same in any order', () => {
    const part = partOf('mail', 'example.com');
    const revision = (...signers: KeyringKey[]): string => compiledIn(secretsOf(signers)[part]).revision;
    const [a, b] = [signer('mail', 'a'), signer('mail', 'b')];
    expect(revision(a, b)).toBe(revision(b, a));
    expect(revision(a)).not.toBe(revision(b));
  });
});

const worker = (name: string, phase = 'Running', component = 'worker', instance = 'local'): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    labels: { 'app.kubernetes.io/instance': instance, 'app.kubernetes.io/component': component },
  },
  status: { phase },
});
const lease = (name: string, report: string): KubeObject => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name, annotations: { 'postfleet.io/keyring': report } },
});
const HAS = '{"dkim/00.json":"new"}';

test.each<[sentence: string, pods: KubeObject[], leases: KubeObject[], is: boolean]>([
  ['there is no worker', [], [], true],
  ['every worker says so', [worker('a'), worker('b')], [lease('a', HAS), lease('b', HAS)], true],
  ['one has an older', [worker('a')], [lease('a', '{"dkim/00.json":"old"}')], false],
  ['one has not reported', [worker('a'), worker('b')], [lease('a', HAS)], false],
  ['a report cannot be read', [worker('a')], [lease('a', '{')], false],
  ['a report is none', [worker('a')], [lease('a', 'null')], false],
  ['who has not reported has ended', [worker('a'), worker('b', 'Succeeded')], [lease('a', HAS)], true],
  ['who has not reported is ingress', [worker('a'), worker('b', 'Running', 'ingress')], [lease('a', HAS)], true],
  [
    'who has not reported is of another cluster',
    [worker('a'), worker('b', 'Running', 'worker', 'x')],
    [lease('a', HAS)],
    true,
  ],
])('every worker has a revision when %s', (_, pods, leases, is) => {
  expect(haveAll(reportsOf({ pods, leases }, 'local', 'worker'), 'dkim/00.json', 'new')).toBe(is);
});

test('a pod has the whole keyring when it has every bundle; one that is empty may be missing', () => {
  const pods = ['a', 'b', 'c', 'd'].map((it) => worker(it));
  const both = '{"dkim/00.json":"new","dkim/01.json":"other"}';
  const leases = [lease('a', both), lease('b', HAS), lease('c', '{"dkim/01.json":"other"}')];
  const reports = reportsOf({ pods, leases }, 'local', 'worker');
  const revisions = new Map([
    ['dkim/00.json', 'new'],
    ['dkim/01.json', 'other'],
    ['dkim/02.json', ''],
  ]);
  expect(countWhole(reports, revisions)).toBe(1);
});
