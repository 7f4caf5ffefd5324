/**
 * `destinations`: a cluster whose mail goes to a hundred thousand destinations, each with a mail exchanger of its own that a real
 * resolver finds, beside the same cluster when all mail goes to one; and how fast what each of them has put off once leaves.
 *
 * One ingress, one worker, one nats-server that syncs always. What is asked of it: `destinations-report.ts`.
 */
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Authority } from '../test/harness/authority.ts';
import { BENCH, BenchCluster } from '../test/harness/bench-cluster.ts';
import { metricOf } from '../test/harness/cluster.ts';
import { CountingSink } from '../test/harness/counting-sink.ts';
import { Mailbench, wrongIn } from '../test/harness/mailbench.ts';
import type { Stage } from '../test/harness/stage.ts';
import { Unbound } from '../test/harness/unbound.ts';
import { until } from '../test/harness/until.ts';
import { needMailbench, needNats, needTools } from '../test/setup/tools.ts';
import { faultsOf, type Form, type Measured, reportOf, type Run } from './destinations-report.ts';
import { type Drain, drain, PATIENCE_MS } from './drain.ts';
import { inMegabytes } from './page.ts';
import { type Finding, onStage, type Say } from './rounds.ts';
import { usageOf } from './usage.ts';
import { putWaiting } from './waiting.ts';

const FULL: Form = { domains: 100_000, each: 5, alone: 20_000, few: 20_000, isJudged: true };
const SHORT: Form = { domains: 1000, each: 2, alone: 1000, few: 1000, isJudged: false };
const SHARDS = 64;
const CONNECTIONS = 100;
/** Where mail exchangers take mail. */
const SMTP = 25;
/** Of the zone whose every name is a destination. */
const MANY = 'many.test';
const ONE = 'one.test';

const measure = (form: Form, say: Say): Promise<Measured> =>
  onStage(async (stage) => {
    const bench = await start(stage, form);
    const runOf = async (what: string, domain: string, messages: number): Promise<Run> => {
      const run = await load(stage, bench, { domain, spread: form.domains, messages });
      say(`${what}: ${Math.round(run.perSecond)}/s, ${run.wrong} wrong; the worker has ${inMegabytes(run.memory)} MB`);
      return run;
    };
    await runOf('warm', ONE, form.alone);
    const before = await runOf('one', ONE, form.alone);
    const many = await runOf('many', `d%d.${MANY}`, form.domains * form.each);
    const after = await runOf('one again', ONE, form.alone);
    const fewDrain = await drainOf(stage, bench, { messages: form.few, domainOf: () => ONE });
    say(`${form.few} that one has put off have left at ${Math.round(fewDrain.perSecond)}/s`);
    const domainOf = (at: number): string => `d${at}.${MANY}`;
    const manyDrain = await drainOf(stage, bench, { messages: form.domains, domainOf });
    say(`${form.domains} that each has put off have left at ${Math.round(manyDrain.perSecond)}/s`);
    const peak = usageOf(bench.worker.program.pid).peakMemory;
    await bench.cluster.stop();
    return { before, many, after, few: fewDrain, drain: manyDrain, peak };
  });

async function start(stage: Stage, form: Form): Promise<BenchCluster> {
  const authority = await Authority.start(stage, {
    [MANY]: zoneOf(form.domains),
    [ONE]: '@ 3600 MX 10 mx\nmx 3600 A 127.0.0.1',
  });
  const unbound = await Unbound.start(stage, authority);
  const dns = { resolvers: [unbound.server], allowPrivate: ['127.0.0.1/32'] };
  const config = stage.folder('resources');
  cpSync(BENCH, config, { recursive: true });
  writeFileSync(join(config, '5-destination.yaml'), POLICY);
  return BenchCluster.start(stage, { config, servers: 1, ingresses: 1, workers: 1, shards: SHARDS, spec: { dns } });
}

/** Each name has a mail exchanger that no other has: each is a site. */
const zoneOf = (domains: number): string =>
  Array.from({ length: domains }, (_, at) => `d${at} 3600 MX 10 mx.d${at}\nmx.d${at} 3600 A 127.0.0.1`).join('\n');

/** As the bench's, to where DNS says; what is put off waits until it is told to go. */
const POLICY = `apiVersion: postfleet.io/v1alpha1
kind: DestinationPolicy
metadata: { name: receiver }
spec:
  clusterRef: { name: local }
  match: { all: {} }
  limits: { connections: 40, messagesPerConnection: 100 }
  retry: { firstSeconds: 7200, maxSeconds: 7200 }
`;

interface Load {
  /** With %d for a number below `spread`. */
  readonly domain: string;
  readonly spread: number;
  readonly messages: number;
}

async function load(stage: Stage, { ports, worker }: BenchCluster, { domain, spread, messages }: Load): Promise<Run> {
  const flags = ['-size', '2048', '-dkim', '-wait', '1200s', '-linger', '1s', '-domains', `1:${domain}`];
  const much = {
    to: ports,
    sink: SMTP,
    messages,
    connections: CONNECTIONS,
    flags: [...flags, '-spread', String(spread)],
  };
  const verdict = await Mailbench.start(stage, much).verdict();
  const memory = usageOf(worker.program.pid).peakMemory;
  return { perSecond: verdict.deliverPerSecond, memory, wrong: wrongIn(verdict) };
}

interface Waiting {
  readonly messages: number;
  readonly domainOf: (at: number) => string;
}

/** All of them are put off once by a sink that does so with whom it does not know; then all are told to go at once. */
async function drainOf(
  stage: Stage,
  { cluster, worker }: BenchCluster,
  { messages, domainOf }: Waiting,
): Promise<Drain> {
  const sink = await CountingSink.start(stage, SMTP, ['-tempfail', '1', '-tempreply', '451 4.3.2 not now']);
  const before = await metricOf(worker, 'postfleet_attempts_total');
  await putWaiting(cluster.nats, SHARDS, messages, domainOf);
  const arePutOff = async (): Promise<boolean> =>
    (await metricOf(worker, 'postfleet_attempts_total')) >= before + messages;
  await until('each was tried', arePutOff, PATIENCE_MS, 500);
  const drained = await drain(sink, messages, worker, ['--pool', 'default/main']);
  await sink.stop();
  return drained;
}

export async function measureDestinations(isShort: boolean, say: Say): Promise<Finding> {
  needTools('redis', 'knot', 'unbound');
  await Promise.all([needNats(), needMailbench()]);
  const form = isShort ? SHORT : FULL;
  const measured = await measure(form, say);
  const about = `Messages of 2 KB with ${CONNECTIONS}\nconnections: ${form.alone} to one destination before and after, ${form.each} a destination on average in random order; then one each that was put off with 451, all let go at once. Each destination has an MX of its own, from Knot DNS through unbound on the same cores`;
  return { text: reportOf(measured, form), about, faults: faultsOf(measured, form) };
}
