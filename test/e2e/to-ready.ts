/**
 * The tests of what people do first, in their order: the chart, NATS and Valkey, what is declared, until it is ready.
 */
import { expect, test } from 'vitest';
import { EXTERNAL_DNS } from '../harness/external-dns.ts';
import { CHART } from '../harness/helm.ts';
import { until } from '../harness/until.ts';
import { declared, inMail, TO_THE_SINK } from './declared.ts';
import { LOGIN, prepareEgress } from './egress.ts';
import type { Ground } from './ground.ts';
import { MailSite } from './mail-site.ts';
import { example, onOneNode } from './stores.ts';

const ROLLED_OUT = ['rollout', 'status', '--timeout=180s'];

export function testToReady(given: () => Ground): void {
  test('helm installs the operator and egress proxies, and they become ready', async () => {
    const ground = given();
    const { kubectl, places } = ground;
    await kubectl.apply(EXTERNAL_DNS);
    await prepareEgress(ground);
    await install(ground);
    const [operator, egress] = await Promise.all([
      kubectl.works('--namespace', places.operator, ...ROLLED_OUT, 'deployment/postfleet-operator'),
      kubectl.works('--namespace', places.egress, ...ROLLED_OUT, 'daemonset/postfleet-egress'),
    ]);
    for (const said of [operator, egress]) expect(said).toContain('successfully rolled out');
  });

  test('NATS and Valkey of the examples run', async () => {
    const ground = given();
    const { kubectl, places } = ground;
    const site = new MailSite(ground);
    await kubectl.works('create', 'namespace', places.mail);
    await site.mail('create', 'secret', 'generic', 'valkey', '--from-literal=password=of-the-test');
    const objects = onOneNode([...example('nats.yaml'), ...example('valkey.yaml')]);
    await kubectl.apply(...objects.map((it) => inMail(ground, it)));
    const ready = ['statefulset/nats', 'deployment/valkey'].map((it) => site.mail(...ROLLED_OUT, it));
    for (const said of await Promise.all(ready)) expect(said).toMatch(/complete|successfully rolled out/);
  });

  test('what is declared becomes ready, with records that nobody publishes by hand', async () => {
    const ground = given();
    const site = new MailSite(ground);
    await site.mail('create', 'secret', 'generic', 'egress', `--from-literal=login=${LOGIN}`);
    const objects = [...example('mail.yaml'), TO_THE_SINK];
    await ground.kubectl.apply(...objects.map((it) => declared(ground, inMail(ground, it))));
    const isPublished = (): Promise<boolean> =>
      ground.texts('bounce.example.com').then(
        () => true,
        () => false,
      );
    await until('the records are in DNS', isPublished, 60_000, 200);
    await site.lookAt('example.com');
    for (const it of ['sendingdomain/example.com', 'mtacluster/main', 'sendingcredential/app'])
      expect(await site.stateOf(it)).toBe('ready');
  });
}

async function install({ helm, places, images, values }: Ground): Promise<void> {
  const all = {
    'image.repository': images.repository,
    'image.tag': images.tag,
    'operator.hostname': 'mx.example.com',
    'egress.enabled': 'true',
    'egress.createNamespace': 'false',
    'egress.namespace': places.egress,
    'egress.logins': 'logins',
    ...values,
  };
  const set = Object.entries(all).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
  await helm.works('install', 'postfleet', CHART, '--namespace', places.operator, '--create-namespace', ...set);
}
