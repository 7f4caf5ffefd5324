/**
 * `npm run cluster [-- --config FOLDER]`: a whole cluster on this machine, to try out and to kill parts of; with
 * `--kubeconfig FILE [--namespace mail]` what an API server and an operator on it declare, as `cluster-pods.ts` runs it.
 *
 * Three nats-servers (each write is synced on all before it is answered), Redis, two processes that take mail (on the ports of the
 * configuration, and each one up), three that send it, and the built-in receiver where the configuration asks for it. Says
 * in `.cache/cluster.json` which process is what. Keeps nothing: what is queued is gone when it is ended, by Ctrl-C.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { parse } from 'yaml';
import { parseAddress } from '#lib/http/address.ts';
import { openKeyring } from '#lib/keyring/folder.ts';
import { keyringFolder } from '#lib/keyring/surroundings.ts';
import { seconds, systemClock as clock } from '#lib/run/clock.ts';
import { reasonOf } from '#lib/run/fault.ts';
import { systemRandom as random } from '#lib/run/random.ts';
import { drainOnSignal } from '#lib/run/shutdown.ts';
import { ownCertificate } from '#mta/roles/certificate.ts';
import { startReceiver } from '#mta/roles/receiver.ts';
import { Cluster } from '../harness/cluster.ts';
import { Stage } from '../harness/stage.ts';
import { type ClusterPods, startPods } from './cluster-pods.ts';
import { needKubectl } from './control-plane.ts';
import { needNats, needTools, say } from './tools.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const FILE = join(root, '.cache/cluster.json');
/** What a configuration of one machine listens on; metrics of each process lie elsewhere. */
const INGRESSES = 2;
const WORKERS = 3;
const SERVERS = 3;
const RECEIVER = 'postfleet.io/receiver';

const { values } = parseArgs({
  options: {
    config: { type: 'string', default: join(root, 'examples/standalone') },
    kubeconfig: { type: 'string' },
    namespace: { type: 'string', default: 'mail' },
  },
});
const { namespace } = values;
const config = resolve(values.config);
const kubeconfig = values.kubeconfig === undefined ? undefined : resolve(values.kubeconfig);

if (kubeconfig === undefined) needTools('redis');
else needKubectl();
await needNats();
const stage = new Stage();
const starting: Promise<{ stop(): Promise<void> }> = kubeconfig === undefined ? start() : startDeclared(kubeconfig);
drainOnSignal(clock, stop, (thrown) => say(reasonOf(thrown)));
try {
  await starting;
} catch (thrown) {
  say(reasonOf(thrown));
  await stage.end(true);
  process.exit(1);
}

async function start(): Promise<Cluster> {
  say(`starting ${SERVERS} nats-servers, Redis, ${INGRESSES} ingresses and ${WORKERS} workers …`);
  const portOf = (port: number, ingress: number): number => port + ingress;
  const sizes = { servers: SERVERS, ingresses: INGRESSES, workers: WORKERS };
  const cluster = await Cluster.start(stage, { config, ...sizes, portOf });
  await receive(cluster);
  write(rolesOf(cluster));
  show(cluster);
  return cluster;
}

async function startDeclared(file: string): Promise<ClusterPods> {
  const pods = await startPods(stage, { kubeconfig: file, namespace }, write);
  say(`pods of namespace ${namespace} run here from now on; ${FILE} says which process is what`);
  say(`its MTACluster finds NATS here: spec.queue.nats: {servers: [${pods.servers.join()}], replicas: 1}`);
  return pods;
}

function write(roles: readonly object[]): void {
  mkdirSync(join(root, '.cache'), { recursive: true });
  // Who reads it meanwhile reads a whole one.
  writeFileSync(`${FILE}.new`, `${JSON.stringify(roles, undefined, 2)}\n`);
  renameSync(`${FILE}.new`, FILE);
}

async function stop(): Promise<void> {
  say('draining; once more ends it at once');
  await (await starting).stop();
  rmSync(FILE, { force: true });
  await stage.end(false);
}

function rolesOf(cluster: Cluster): object[] {
  return [
    ...cluster.nats.processes.map(({ pid, port, monitor }) => ({
      role: 'nats',
      pid,
      ports: { client: port, monitor },
    })),
    { role: 'redis', pid: cluster.redis.pid, ports: { client: Number(new URL(cluster.redis.url).port) } },
    ...cluster.roles.map(({ role, program, ports, metricsUrl, adminUrl, data }) => ({
      role,
      pid: program.pid,
      ports: { ...ports, metrics: Number(new URL(metricsUrl).port), admin: Number(new URL(adminUrl).port) },
      data,
      output: program.outFile,
    })),
  ];
}

/** In this process, as in that of one machine. */
async function receive({ keyring }: Cluster): Promise<void> {
  const where = annotationOf(config);
  if (where === undefined) return;
  const data = stage.folder('receiver');
  const own = await ownCertificate(data, ['localhost', '127.0.0.1'], clock);
  const keys = await openKeyring(keyringFolder(keyring), clock);
  const receiver = await startReceiver({
    address: parseAddress(`annotation ${RECEIVER}`, where),
    hostname: 'receiver.test',
    folder: join(data, 'received'),
    keyring: () => keys,
    clock,
    random,
    secureContext: () => own.context,
    show: (line) => process.stderr.write(`${line}\n`),
  });
  stage.adopt({ close: () => receiver.close(seconds(1)) });
}

function annotationOf(folder: string): string | undefined {
  const files = readdirSync(folder).filter((it) => it.endsWith('.yaml'));
  const annotations = files.flatMap((file) => {
    const { kind, metadata } = parse(readFileSync(join(folder, file), 'utf8')) as {
      readonly kind: string;
      readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
    };
    return kind === 'MTACluster' ? [metadata.annotations ?? {}] : [];
  });
  return annotations[0]?.[RECEIVER];
}

function show(cluster: Cluster): void {
  const [first] = cluster.ingresses;
  const secrets = join(cluster.keyring, 'secrets');
  say('the cluster is ready');
  for (const { role, program, ports, metricsUrl } of cluster.roles) {
    const listening = Object.entries(ports).map(([name, port]) => `${name} 127.0.0.1:${port}`);
    process.stderr.write(`  ${role} ${program.pid}  ${[...listening, `${metricsUrl}/metrics`].join(', ')}\n`);
  }
  process.stderr.write(`  secrets of senders  ${secrets}\n`);
  process.stderr.write(`  processes           ${FILE}\n`);
  process.stderr.write(`  ask all of them     npx postfleet queue --data ${first?.data}\n`);
  process.stderr.write(`  try                 kill -9 one of them while mail goes to ${first?.ports['submission']}\n`);
  process.stderr.write('  end                 Ctrl-C\n');
}
