/**
 * From nothing, in the order in which people do it: a node of this machine's own, the chart, NATS and Valkey, what is declared; then mail.
 */
import { Resolver } from 'node:dns/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DkimVerdict, verifyDkim } from '#lib/dkim/verify.ts';
import { ApiServer } from '#lib/kube/api-server.ts';
import { systemClock } from '#lib/run/clock.ts';
import { systemRandom } from '#lib/run/random.ts';
import { Receiver } from '../harness/receiver.ts';
import { openScene } from '../harness/scene.ts';
import { plainMessage } from '../harness/smtp-client.ts';
import { until } from '../harness/until.ts';
import { testCommands } from './commands.ts';
import { ExternalDns } from './external-dns.ts';
import type { Ground } from './ground.ts';
import { testUnderLoad } from './load/under-load.ts';
import { MailSite } from './mail-site.ts';
import { API_ADDRESS, DNS_ADDRESS } from './node/machine.ts';
import { Node, ON_CALL } from './node/node.ts';
import { OWN_LINES, ownGround, RECEIVER, SENDERS, ZONES } from './node/own-ground.ts';
import { testRemovedRecord } from './removed-record.ts';
import { PAUSE_IMAGE } from './run/images.ts';
import { testToReady } from './to-ready.ts';

const stage = openScene();
let node: Node;
let kube: ApiServer;
let ground: Ground;
let receiver: Receiver;
const theGround = (): Ground => ground;

/** What each message that arrived was worth then: whether its signatures hold against what DNS says at that moment. */
const verdicts: Promise<DkimVerdict[]>[] = [];

beforeAll(async () => {
  node = await Node.start(stage, ZONES);
  kube = new ApiServer(node.plane.access(), systemClock, systemRandom);
  ground = await ownGround(stage, node);
  stage.adopt(new ExternalDns(kube, ground, 'example.com', OWN_LINES));
  const dot = ({ raw }: { readonly raw: Buffer }): string => {
    verdicts.push(verifyDkim(raw, async (name) => [...(await ground.texts(name))], Date.now()));
    return '250 2.0.0 taken';
  };
  receiver = stage.adopt(await Receiver.listen(25, { dot }, RECEIVER));
}, 300_000);
afterAll(() => kube.close());

test('a pod runs, with a right to nothing', async () => {
  const isolated = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] }, readOnlyRootFilesystem: true };
  await node.kubectl.apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'first' },
    spec: {
      securityContext: { runAsNonRoot: true, runAsUser: 65_532, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [{ name: 'pause', image: PAUSE_IMAGE, securityContext: isolated }],
    },
  });
  expect(await node.kubectl.works('wait', '--for=condition=Ready', 'pod/first', '--timeout=60s')).toContain('met');
  await node.kubectl.works('delete', 'pod/first', '--timeout=60s');
});

test('names of Services are answered at the address that pods are told', async () => {
  const resolver = new Resolver({ timeout: 1000, tries: 1 });
  resolver.setServers([DNS_ADDRESS]);
  const asked = (): Promise<string[]> => resolver.resolve4('kubernetes.default.svc.cluster.local').catch(() => []);
  expect(await until('it is answered', async () => (await asked())[0])).toBe(API_ADDRESS);
});

testToReady(theGround);

test('mail by SMTP and by HTTP arrives with both signatures, from the address of the pool', async () => {
  const site = new MailSite(ground);
  const client = await site.submission();
  const content = plainMessage('hello@example.com', 'you@demo.test', 'by SMTP');
  expect(await client.send('hello@example.com', ['you@demo.test'], content)).toMatch(/^250/);
  client.close();
  const message = {
    from: { address: 'hello@example.com' },
    to: [{ address: 'you@demo.test' }],
    subject: 'by HTTP',
    text: 'x',
  };
  const headers = { authorization: `Bearer ${await site.secret('token')}`, 'content-type': 'application/json' };
  const posted = await fetch(`http://${await site.ingressAddress()}/v1/messages`, {
    method: 'POST',
    headers,
    body: JSON.stringify(message),
  });
  expect(posted.status).toBe(202);
  await until('both have arrived', () => receiver.taken.length === 2, 60_000);
  for (const found of await Promise.all(verdicts)) expect(found.map(({ result }) => result)).toEqual(['pass', 'pass']);
  for (const it of receiver.peers) expect(SENDERS).toContain(it);
});

testRemovedRecord(theGround);

testCommands(stage, theGround, () => node.plane.kubeconfig(ON_CALL));

testUnderLoad(stage, theGround, true);
