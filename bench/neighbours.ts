/**
 * `neighbours`: what a site that takes nothing, and one that takes ten seconds over each reply, do to the mail of others.
 *
 * Two Postfleets: one has mail for healthy sites only, the other has thousands of messages for the two bad ones as well.
 * Both get the same load for the healthy sites at the same time, so that whatever else the machine does is done to both.
 * Asked: the p99 of its latency is at most a tenth longer beside bad neighbours, by the median of many windows.
 */
import assert from 'node:assert';
import { openBlackHole, SlowSite } from '../test/harness/bad-sites.ts';
import { Mailbench, type Verdict } from '../test/harness/mailbench.ts';
import { freePorts } from '../test/harness/ports.ts';
import { Postfleet } from '../test/harness/postfleet.ts';
import type { Stage } from '../test/harness/stage.ts';
import { needMailbench } from '../test/setup/tools.ts';
import { median, table } from './page.ts';
import { type Finding, onStage, type Say } from './rounds.ts';
import { configFor, seed } from './seeding.ts';
import { usageOf } from './usage.ts';

interface Form {
  readonly healthy: number;
  /** For each of the bad sites. */
  readonly queued: number;
  /** Messages a second. */
  readonly load: number;
  /** Messages to each. */
  readonly window: number;
  readonly windows: number;
  /** Of the p99 alone. In short only counts are judged: it is made where others run. */
  readonly mostRatio: number;
}

const FULL: Form = { healthy: 8, queued: 5000, load: 100, window: 1000, windows: 26, mostRatio: 1.1 };
const SHORT: Form = { healthy: 4, queued: 2000, load: 100, window: 400, windows: 6, mostRatio: Infinity };

const TENANTS = 20;
const SLOW_MS = 10_000;
const CONNECTIONS = 10;
const BODY_BYTES = 2048;
/** Of what was queued for bad sites, so much must still be there at the end. */
const STILL_QUEUED = 0.9;

interface Fleet {
  readonly postfleet: Postfleet;
  /** Where the healthy sites are. */
  readonly sites: readonly number[];
}

/** What one got while the other did. */
interface Run {
  readonly verdict: Verdict;
  /** Seconds of processor time. */
  readonly cpu: number;
}

interface Window {
  readonly alone: Run;
  readonly beside: Run;
}

interface Bad {
  readonly hole: number;
  readonly slow: number;
}

const policy = (name: string, domain: string, port: number): string => `apiVersion: postfleet.io/v1alpha1
kind: DestinationPolicy
metadata:
  name: ${name}
spec:
  clusterRef:
    name: local
  match:
    domains: ['${domain}']
  routes:
    - host: 127.0.0.1
      port: ${port}
`;

/** Both know of all sites; only one has mail for the bad ones. */
async function openFleet(stage: Stage, bad: Bad, healthy: number, queued: number): Promise<Fleet> {
  const config = await configFor(stage, TENANTS);
  const sites = await freePorts(healthy);
  for (const [at, port] of sites.entries()) config.write(`6-s${at}.yaml`, policy(`s${at}`, `s${at}.good.test`, port));
  for (const site of ['hole', 'slow'] as const)
    config.write(`7-${site}.yaml`, policy(site, `*.${site}.test`, bad[site]));
  const data = stage.folder('data');
  for (const suffix of queued > 0 ? ['hole.test', 'slow.test'] : [])
    seed(data, { messages: queued, domains: 100, tenants: TENANTS, suffix });
  return { postfleet: await Postfleet.start(stage, config, { data }), sites };
}

async function run(stage: Stage, { postfleet, sites }: Fleet, { load, window, healthy }: Form): Promise<Run> {
  const domains = ['-domains', '1:s%d.good.test', '-spread', String(healthy)];
  const flags = ['-size', String(BODY_BYTES), '-rate', String(load), '-linger', '0s', ...domains];
  const how = { to: postfleet.ports.submission, sink: sites, messages: window, connections: CONNECTIONS, flags };
  const before = usageOf(postfleet.program.pid).cpu;
  const verdict = await Mailbench.start(stage, how).verdict();
  return { verdict, cpu: usageOf(postfleet.program.pid).cpu - before };
}

interface Measured {
  readonly windows: readonly Window[];
  /** For bad sites, at the end. */
  readonly queued: number;
}

const measure = (form: Form, say: Say): Promise<Measured> =>
  onStage(async (stage) => {
    const slow = await SlowSite.open(stage, SLOW_MS);
    const bad = { hole: await openBlackHole(stage), slow: slow.port };
    const alone = await openFleet(stage, bad, form.healthy, 0);
    const beside = await openFleet(stage, bad, form.healthy, form.queued);
    // What runs for the first time is slow.
    await Promise.all([run(stage, alone, form), run(stage, beside, form)]);
    const windows: Window[] = [];
    for (let at = 1; at <= form.windows; at += 1) {
      // Who is started first has its messages first.
      const order = at % 2 === 0 ? [alone, beside] : [beside, alone];
      const runs = await Promise.all(order.map((it) => run(stage, it, form)));
      const [first, second] = at % 2 === 0 ? runs : runs.toReversed();
      assert(first && second);
      say(`window ${at}: p99 alone ${first.verdict.p99ms.toFixed(1)} ms, beside ${second.verdict.p99ms.toFixed(1)} ms`);
      windows.push({ alone: first, beside: second });
    }
    assert(slow.connections > 0, 'the slow site is connected to');
    const queued = await beside.postfleet.metric('postfleet_queue_depth');
    return { windows, queued };
  });

type Figure = (run: Run) => number;
const p50: Figure = (it) => it.verdict.p50ms;
const p99: Figure = (it) => it.verdict.p99ms;
const cpu: Figure = (it) => (it.cpu * 1000) / it.verdict.unique;

/** The median of what each window compares. */
const ratioOf = (windows: readonly Window[], figure: Figure): number =>
  median(windows.map(({ alone, beside }) => figure(beside) / figure(alone)));

function textOf({ windows, queued }: Measured): string {
  const row = (what: string, figure: Figure, digits: number): string[] => [
    what,
    median(windows.map((it) => figure(it.alone))).toFixed(digits),
    median(windows.map((it) => figure(it.beside))).toFixed(digits),
    ratioOf(windows, figure).toFixed(2),
  ];
  return table(
    ['mail for healthy sites', 'alone', 'beside bad sites', 'ratio'],
    [
      row('p50 ms', p50, 1),
      row('p99 ms', p99, 1),
      row('CPU s per 1,000', cpu, 2),
      ['queued for bad sites at the end', '0', String(queued), ''],
    ],
  );
}

function faultsIn({ windows, queued }: Measured, form: Form): string[] {
  const ratio = ratioOf(windows, p99);
  const verdicts = windows.flatMap(({ alone, beside }) => [alone.verdict, beside.verdict]);
  const unclean = verdicts.filter((it) => it.lost + it.duplicates + it.refused + it.unknown > 0);
  return [
    ...unclean.map((it) => JSON.stringify(it)),
    ...(ratio > form.mostRatio ? [`p99 is ${ratio.toFixed(2)} of what it is alone, not ${form.mostRatio}`] : []),
    ...(queued < 2 * form.queued * STILL_QUEUED ? [`only ${queued} were still queued for the bad sites`] : []),
  ];
}

export async function measureNeighbours(isShort: boolean, say: Say): Promise<Finding> {
  await needMailbench();
  const form = isShort ? SHORT : FULL;
  const measured = await measure(form, say);
  const about = `${form.healthy} healthy
sites get ${form.load} messages of 2 KB a second from each of two Postfleets at the same time; beside them one site never takes a
connection, and one takes 10 s over each reply. Medians of ${form.windows} windows of ${form.window} messages`;
  return { text: textOf(measured), about, faults: faultsIn(measured, form) };
}
