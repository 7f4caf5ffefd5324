/**
 * The ground that is a cluster which somebody gave: all that the test needs on its network runs in pods, and mail leaves by its nodes.
 */
import { Helm } from '../../harness/helm.ts';
import { Mailbench } from '../../harness/mailbench.ts';
import type { Stage } from '../../harness/stage.ts';
import { until } from '../../harness/until.ts';
import { MAILBENCH } from '../../setup/tools.ts';
import { poolOf } from '../declared.ts';
import { HOLDS_ADDRESSES } from '../egress.ts';
import type { Address, Ground, Images, ZoneLine } from '../ground.ts';
import { Kubectl } from '../kubectl.ts';
import { BenchPod, DNS_PORT } from './bench-pod.ts';
import { Killers } from './killers.ts';
import { type ListedNode, openNodes } from './nodes.ts';
import { type GivenPlaces, placesOf, RUN_LABEL } from './places.ts';
import { Zones } from './zones.ts';

export interface Given {
  readonly stage: Stage;
  /** Its file, and what is in it. */
  readonly kubeconfig: { readonly file: string; readonly text: string };
  readonly run: string;
  readonly images: Images;
}

/** Zones with the names of hosts, and of their addresses. */
const ZONES = ['example.com', 'test', 'in-addr.arpa'];
/** As many as mail leaves by. */
const SENDING_NODES = 2;

/** Also lines of the zone `example.com` that are nobody else's business. */
export async function givenGround(given: Given): Promise<{ readonly ground: Ground; readonly own: ZoneLine[] }> {
  const { stage, kubeconfig, run, images } = given;
  const kubectl = new Kubectl(stage, kubeconfig.file);
  const places = placesOf(run);
  await makeBenchPlace(kubectl, places);
  const image = `${images.repository}:${images.tag}`;
  const pod = await BenchPod.start(stage, kubectl, places.bench, image);
  const [address, dns] = await Promise.all([pod.address(), pod.dnsAddress()]);
  const zones = await Zones.start(pod, ZONES, dns);
  const listed = JSON.parse(await kubectl.works('get', 'nodes', '--output', 'json')) as {
    readonly items: ListedNode[];
  };
  const nodes = openNodes(listed.items);
  const killers = new Killers(kubectl, places.bench, image);
  await killers.start(nodes.map(({ node }) => node));
  const senders = nodes.slice(0, SENDING_NODES);
  for (const { node } of senders)
    await kubectl.works('label', 'node', node, `${HOLDS_ADDRESSES}=true`, `${RUN_LABEL}=${run}`);
  const named = senders.map((it, at) => ({ address: it.address, ehloName: `mta${at + 1}.example.com` }));
  await zones.write('in-addr.arpa', named.map(pointer));
  const receivers = ['*.load MX 10 sink', `sink A ${address}`];
  await zones.write('test', receivers);
  const mailbench = await pod.put(MAILBENCH, 'mailbench');
  const ground: Ground = {
    kubectl,
    helm: new Helm(stage, 3, { kubeconfig: () => kubeconfig.text }),
    places,
    images,
    values: {
      'crds.keep': 'false',
      'operator.resolvers[0]': `${dns}:53`,
      'operator.allowPrivate[0]': `${dns}/32`,
      'egress.allowPrivate[0]': `${address}/32`,
    },
    pool: poolOf(...named),
    cluster: { dns: { resolvers: [`${dns}:53`], allowPrivate: [`${dns}/32`, `${address}/32`] } },
    bench: {
      start: (load) =>
        Mailbench.by(load, (args) => ({
          program: pod.begin(mailbench, args),
          signal: (name) => pod.signal(mailbench, name),
        })),
      sink: `${address}:25`,
      dns: `127.0.0.1:${DNS_PORT}`,
    },
    receivers,
    write: (zone, lines) => zones.write(zone, lines),
    texts: (name) => zones.texts(name),
    reach: (port) => forwarded(kubectl, places, port),
    kill: (container) => killers.kill(container),
  };
  const own = [...named, { address: named[0]?.address ?? '', ehloName: 'mx.example.com' }];
  return { ground, own: own.map((it) => `${it.ehloName}. A ${it.address}`) };
}

/** Its pods may have what a test needs. */
async function makeBenchPlace(kubectl: Kubectl, { bench }: GivenPlaces): Promise<void> {
  await kubectl.works('create', 'namespace', bench);
  await kubectl.works('label', 'namespace', bench, 'pod-security.kubernetes.io/enforce=privileged');
}

const pointer = ({ address, ehloName }: { readonly address: string; readonly ehloName: string }): ZoneLine =>
  `${address.split('.').toReversed().join('.')}.in-addr.arpa. PTR ${ehloName}.`;

/** For as long as the pod lives that it leads to. */
async function forwarded(kubectl: Kubectl, { mail }: GivenPlaces, port: number): Promise<Address> {
  const program = kubectl.begin(['--namespace', mail, 'port-forward', 'service/main-ingress', `:${port}`]);
  const opened = await until('the port is forwarded', () => {
    if (program.exit) throw new Error(`kubectl port-forward ended: ${program.stderr}`);
    return /127\.0\.0\.1:(\d+) ->/.exec(program.stdout);
  });
  return { host: '127.0.0.1', port: Number(opened[1]) };
}
