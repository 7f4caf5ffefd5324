/**
 * Many domains at once: until all are handed out, what memory that takes, and that a restart writes nothing.
 *
 * `DOMAINS=5000` makes it five thousand. Times and memory are printed and not judged: machines differ.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { typeOfKind } from '#crds/definition.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { type KubeChange, Reflector } from '#lib/kube/reflector.ts';
import { systemClock } from '#lib/run/clock.ts';
import { systemRandom } from '#lib/run/random.ts';
import { SECRETS } from '#operator/types.ts';
import { Operated } from '../harness/operated.ts';
import { type OperatorProcess, startOperatorProcess } from '../harness/operator.ts';
import { openScene } from '../harness/scene.ts';
import { until } from '../harness/until.ts';
import { statusOf, Zone } from '../harness/zone.ts';

const stage = openScene();
const DOMAINS = Number(process.env['DOMAINS'] ?? 60);
const AT_ONCE = 20;

let site: Operated;
let zone: Zone;
let operator: OperatorProcess;

beforeAll(async () => {
  [site, zone] = [await Operated.start(stage), await Zone.serve()];
  await site.namespace('mail');
  await site.declare('MTACluster', 'mail/main', { queue: { nats: { servers: ['nats://nats:4222'] } } });
  const members = [{ name: 'one', address: '192.0.2.1', egress: 'Local' }];
  await site.declare('IPPool', 'mail/main', { clusterRef: { name: 'main' }, members });
  for (let at = 0; at < DOMAINS; at += AT_ONCE)
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, DOMAINS - at) }, (_, more) => declare(at + more)));
}, 600_000);
afterAll(() => {
  site.close();
  zone.close();
});

const declare = (number: number): Promise<void> =>
  site.declare('SendingDomain', `mail/d${number}`, {
    domain: `d${number}.example`,
    poolRef: { name: 'main' },
    dkim: { algorithms: ['Ed25519'] },
  });

const start = (): Promise<OperatorProcess> =>
  startOperatorProcess(stage, site.plane, { flags: ['--resolver', zone.address, '--hostname', 'mx.mail.test'] });

/** Every domain and Secret with its version. */
async function versions(): Promise<string[]> {
  const lists = await Promise.all([typeOfKind('SendingDomain'), SECRETS].map((type) => site.kube.list(type)));
  return lists.flatMap(({ objects }) => objects.map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`));
}

/** Its records are in the status, and DNS was asked for each: nothing is left to be written. */
function isHandedOut(domain: KubeObject): boolean {
  const { keys = [], records = [] } = statusOf(domain);
  const areAsked = records.every(({ state }) => state !== 'Unknown');
  return keys.some(({ phase }) => phase === 'Published') && records.length > keys.length && areAsked;
}

/** Resolves when all are. They are followed, not listed: listing thousands again and again is work as well. */
async function handedOut(): Promise<void> {
  const done = new Set<string>();
  const heard = ({ key, object }: KubeChange): void => void (isHandedOut(object) && done.add(key));
  const around = { clock: systemClock, random: systemRandom };
  const following = new Reflector({ kube: site.kube, type: typeOfKind('SendingDomain'), heard, ...around });
  await until('every record is handed out', () => done.size === DOMAINS, 900_000);
  await following.close();
}

async function print(what: string, since: number): Promise<void> {
  const page = await operator.metrics();
  const figure = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(page)?.[1] ?? 0);
  const time = ((performance.now() - since) / 1000).toFixed(1);
  const megabytes = Math.round(figure('process_resident_memory_bytes') / 1e6);
  const processor = figure('process_cpu_seconds_total').toFixed(1);
  process.stdout.write(
    `${DOMAINS} domains: ${what} after ${time} s, ${processor} s of processor time, ${megabytes} MB\n`,
  );
}

test('all of many domains get their keys and their records', async () => {
  const since = performance.now();
  operator = await start();
  await handedOut();
  await print('handed out', since);
  const { objects } = await site.kube.list(SECRETS, { namespace: 'mail' });
  expect(objects.filter(({ type }) => type === 'postfleet.io/dkim-key')).toHaveLength(DOMAINS);
}, 1_000_000);

test('an operator that is started again looks at all of them and writes nothing', async () => {
  await operator.program.stop();
  const before = await versions();
  const since = performance.now();
  operator = await start();
  const isDone = async (): Promise<boolean> =>
    (await operator.looks('sendingdomain')) >= 2 * DOMAINS && (await operator.looks('keyring')) > 0;
  await until('all were looked at, and in DNS too', isDone, 600_000);
  await print('looked at again', since);
  expect(await versions()).toEqual(before);
}, 700_000);
