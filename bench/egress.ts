/**
 * `egress`: how fast mail leaves by an egress proxy, beside leaving from this machine, in turn.
 *
 * The same mail into the same sink: from a local address, by a proxy in clear, by one under TLS. The proxy shares the machine with the
 * rest, so what it costs shows in full. Through it at least 0.8 of the direct rate is asked for, in clear; lost or doubled mail fails.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { selfMadeCertificate } from '#lib/run/certificate.ts';
import { ConfigFolder } from '../test/harness/config.ts';
import { EgressProxy } from '../test/harness/egress.ts';
import { Mailbench, type Verdict, wrongIn } from '../test/harness/mailbench.ts';
import { freePorts } from '../test/harness/ports.ts';
import { Postfleet } from '../test/harness/postfleet.ts';
import type { Stage } from '../test/harness/stage.ts';
import { needMailbench } from '../test/setup/tools.ts';
import { middleOf, table } from './page.ts';
import { type Finding, inTurn, onStage, type Say } from './rounds.ts';
import { usageOf } from './usage.ts';

const WAYS = ['direct', 'by a proxy', 'by a proxy under TLS'] as const;
type Way = (typeof WAYS)[number];

interface Run {
  readonly way: Way;
  readonly verdict: Verdict;
  /** Seconds of processor time of Postfleet, and of the proxy. */
  readonly cpu: number;
  readonly proxyCpu: number;
}

const FULL = { messages: 6000, rounds: 3 };
const SHORT = { messages: 2000, rounds: 1 };
const CONNECTIONS = 20;
const BODY_BYTES = 10_240;
const LEAST_RATIO = 0.8;
const ADDRESS = '127.0.0.1';

const measure = (way: Way, messages: number): Promise<Run> =>
  onStage(async (stage) => {
    const config = await ConfigFolder.from(stage, 'bench');
    const { submission: to, receiver: sink } = config.ports;
    const proxy = way === 'direct' ? undefined : await startProxy(stage, config, way);
    const fleet = await Postfleet.start(stage, config);
    const flags = ['-size', String(BODY_BYTES), '-wait', '120s', '-dkim'];
    const used = cpuFrom(fleet.program.pid);
    const proxyUsed = proxy ? cpuFrom(proxy.program.pid) : () => 0;
    const verdict = await Mailbench.start(stage, { to, sink, messages, connections: CONNECTIONS, flags }).verdict();
    const [cpu, proxyCpu] = [used(), proxyUsed()];
    await fleet.stop();
    await proxy?.stop();
    return { way, verdict, cpu, proxyCpu };
  });

function cpuFrom(pid: number): () => number {
  const before = usageOf(pid).cpu;
  return () => usageOf(pid).cpu - before;
}

async function startProxy(stage: Stage, config: ConfigFolder, way: Way): Promise<EgressProxy> {
  const [port = 0] = await freePorts(1);
  const isSecure = way === 'by a proxy under TLS';
  const url = `${isSecure ? 'socks5s' : 'socks5'}://${ADDRESS}:${port}`;
  config.change('IPPool', { spec: { members: [{ name: 'one', address: ADDRESS, egress: 'Proxy', proxy: { url } }] } });
  const folder = join(config.path, 'secrets/proxy');
  mkdirSync(folder, { recursive: true });
  const { cert, key } = await selfMadeCertificate([ADDRESS]);
  writeFileSync(join(folder, 'tls.crt'), cert);
  writeFileSync(join(folder, 'tls.key'), key);
  if (isSecure) config.change('MTACluster', { spec: { egress: { tlsCARef: { name: 'proxy', key: 'tls.crt' } } } });
  const flags = isSecure ? ['--tls', folder] : [];
  return EgressProxy.start(stage, config.path, {
    port,
    allowPrivate: '127.0.0.0/8',
    allowPort: config.ports.receiver,
    flags,
  });
}

const rate = (it: Run): number => it.verdict.deliverPerSecond;

const middle = (runs: readonly Run[], way: Way): Run =>
  middleOf(
    runs.filter((it) => it.way === way),
    rate,
  );

const ratio = (runs: readonly Run[], way: Way): number => rate(middle(runs, way)) / rate(middle(runs, 'direct'));

/** The table, one row a way: the run in the middle by rate. */
function tableOf(runs: readonly Run[]): string {
  const head = ['mail leaves', 'delivered/s', 'to direct', 'lost, doubled, refused', 'CPU s per 1,000', 'of the proxy'];
  const cells = WAYS.map((way) => {
    const { verdict, cpu, proxyCpu } = middle(runs, way);
    const perThousand = (seconds: number): string => ((seconds * 1000) / verdict.unique).toFixed(2);
    const worst = Math.max(...runs.filter((it) => it.way === way).map((it) => wrongIn(it.verdict)));
    return [
      way,
      String(Math.round(verdict.deliverPerSecond)),
      `${ratio(runs, way).toFixed(2)} ×`,
      String(worst),
      perThousand(cpu),
      way === 'direct' ? '–' : perThousand(proxyCpu),
    ];
  });
  return table(head, cells);
}

export async function measureEgress(isShort: boolean, say: Say): Promise<Finding> {
  await needMailbench();
  const { messages, rounds } = isShort ? SHORT : FULL;
  const runs = await inTurn(rounds, WAYS, async (way, round) => {
    const run = await measure(way, messages);
    say(`round ${round}, ${way}: ${Math.round(rate(run))}/s delivered`);
    return run;
  });
  const command = `mailbench -n ${messages} -c ${CONNECTIONS} -size ${BODY_BYTES} -dkim`;
  const about = `Each row is the median of three\nruns, ways in turn: \`${command}\`; the proxy runs on the same two cores`;
  const unclean = runs.filter((it) => wrongIn(it.verdict) > 0);
  const faults = unclean.map(({ way, verdict }) => `${way}: ${JSON.stringify(verdict)}`);
  const share = ratio(runs, 'by a proxy');
  if (!isShort && share < LEAST_RATIO) faults.push(`by a proxy: ${share.toFixed(2)} of direct, not ${LEAST_RATIO}`);
  return { text: tableOf(runs), about, faults };
}
