import { expect, test } from 'vitest';
import { sample } from '#crds/sample.ts';
import { validate } from '#crds/validate.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { selfMadeCertificate } from '#lib/run/certificate.ts';
import { secretNames, secretProblem } from './secrets.ts';

const SPEC = {
  queue: { nats: { servers: ['nats://nats:4222'], credentialsRef: { name: 'nats', key: 'creds' } } },
  ingress: {
    listeners: [{ name: 'submission', protocol: 'SMTP', port: 587, tls: { certificateRefs: [{ name: 'cert' }] } }],
  },
};
const LOGINS = [{ name: 'proxies', key: 'login' }];

function cluster() {
  const validated = validate(sample('MTACluster', SPEC, { name: 'main', namespace: 'mail' }));
  if (validated.kind === 'invalid' || validated.resource.kind !== 'MTACluster') throw new Error('not valid');
  return validated.resource;
}

const secret = (name: string, texts: Readonly<Record<string, string>>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace: 'mail' },
  data: Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, Buffer.from(text).toString('base64')])),
});

const problemWith = (...secrets: KubeObject[]) =>
  secretProblem(cluster(), LOGINS, new Map(secrets.map((it) => [it.metadata.name, it])));

const NATS = secret('nats', { creds: 'user:password' });
const PROXIES = secret('proxies', { login: 'fleet:password' });

test('every Secret is named once', () => {
  expect(secretNames(cluster(), LOGINS).toSorted()).toEqual(['cert', 'nats', 'proxies']);
});

test('what is missing is said with where it is named, a key of a Secret that is there too', async () => {
  const { cert, key } = await selfMadeCertificate(['mail.test']);
  const certificate = secret('cert', { 'tls.crt': cert, 'tls.key': key });
  expect(problemWith(certificate, NATS, PROXIES)).toBeUndefined();
  expect(problemWith(certificate, secret('nats', { cred: '' }))).toEqual({
    reason: 'SecretMissing',
    message:
      'spec.queue.nats.credentialsRef: there is no key creds of Secret mail/nats: make it; proxy.authRef of an IPPool: there is no key login of Secret mail/proxies: make it',
  });
});

test('what is no certificate, or not that of its key, is said without its text', async () => {
  const [one, two] = await Promise.all([selfMadeCertificate(['one.test']), selfMadeCertificate(['two.test'])]);
  for (const [cert, key] of [
    ['garbage', 'garbage'],
    [one.cert, two.key],
    [one.cert, 'garbage'],
  ] as const) {
    const problem = problemWith(secret('cert', { 'tls.crt': cert, 'tls.key': key }), NATS, PROXIES);
    expect(problem).toEqual({
      reason: 'SecretInvalid',
      message: 'Secret mail/cert must hold a certificate in tls.crt and its key in tls.key, in PEM',
    });
  }
});
