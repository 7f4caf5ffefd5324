/**
 * `http`: how fast mail comes in by HTTP beside SMTP, on this machine, in this run, in turn.
 *
 * The same small messages by SMTP, by HTTP, and by HTTP with an Idempotency-Key each, window after window, to one
 * Postfleet that is warm: while everything is signed and delivered as it comes, and while nothing is sent because all is
 * suspended. Then the way in is measured alone, and what a window brought is delivered and counted after it.
 * Rates are of what was answered 250 or 202; ratios are the medians of what windows beside each other compare. Lost, doubled
 * or refused mail fails.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ConfigFolder } from '../test/harness/config.ts';
import { Mailbench, type Verdict, wrongIn } from '../test/harness/mailbench.ts';
import { Postfleet } from '../test/harness/postfleet.ts';
import type { Stage } from '../test/harness/stage.ts';
import { until } from '../test/harness/until.ts';
import { needMailbench } from '../test/setup/tools.ts';
import { median, table } from './page.ts';
import { type Finding, inTurn, onStage, type Say } from './rounds.ts';
import { usageOf } from './usage.ts';

const WAYS = ['SMTP', 'HTTP', 'HTTP with keys'] as const;
type Way = (typeof WAYS)[number];

const MEANWHILE = ['delivered', 'nothing sent'] as const;

interface Scene {
  readonly meanwhile: (typeof MEANWHILE)[number];
  readonly connections: number;
}

interface Run extends Scene {
  readonly way: Way;
  readonly verdict: Verdict;
  /** Seconds of processor time: until the last was delivered, or accepted when nothing is sent. */
  readonly cpu: number;
}

const FULL = { messages: 2000, rounds: 9, connections: [20, 100] };
const SHORT = { messages: 500, rounds: 1, connections: [20] };
const BODY_BYTES = 2048;
/** Looking costs the server a page of metrics. */
const LOOK_EVERY_MS = 200;
const LONGEST_MS = 120_000;

/** All windows of a scene, on one Postfleet. What runs for the first time is slow: a round before the first is not counted. */
const measure = (scene: Scene, { messages, rounds }: typeof FULL, say: Say): Promise<Run[]> =>
  onStage(async (stage) => {
    const fleet = await Postfleet.start(stage, await ConfigFolder.from(stage, 'bench'));
    const inOne = (way: Way): Promise<Run> => window(stage, fleet, { ...scene, way }, messages);
    for (const way of WAYS) await inOne(way);
    const runs = await inTurn(rounds, WAYS, inOne);
    await fleet.stop();
    for (const way of WAYS)
      say(`${describe(scene)}, ${way}: ${Math.round(median(runs.filter((it) => it.way === way).map(rate)))}/s`);
    return runs;
  });

async function window(stage: Stage, fleet: Postfleet, scene: Scene & { way: Way }, messages: number): Promise<Run> {
  const { submission, api, receiver: sink } = fleet.config.ports;
  const { way, meanwhile, connections } = scene;
  if (meanwhile === 'nothing sent') await fleet.command('suspend', '--all', '--reason', 'only the way in is measured');
  const flags = [
    '-size',
    String(BODY_BYTES),
    '-wait',
    `${LONGEST_MS}ms`,
    '-linger',
    '0s',
    '-dkim',
    ...flagsOf(way, fleet),
  ];
  const before = await fleet.metric('postfleet_accepted_total');
  const cpu = cpuFrom(fleet);
  const bench = Mailbench.start(stage, { to: way === 'SMTP' ? submission : api, sink, messages, connections, flags });
  if (meanwhile === 'nothing sent') await allAccepted(fleet, before + messages);
  const taking = cpu();
  if (meanwhile === 'nothing sent') await fleet.command('resume', '--all');
  const verdict = await bench.verdict();
  return { ...scene, verdict, cpu: meanwhile === 'nothing sent' ? taking : cpu() };
}

function flagsOf(way: Way, { data, username }: Postfleet): string[] {
  const token = readFileSync(join(data, 'secrets', username, 'token'), 'utf8').trim();
  if (way === 'SMTP') return [];
  return ['-http', '-token', token, ...(way === 'HTTP with keys' ? ['-keys'] : [])];
}

function cpuFrom({ program: { pid } }: Postfleet): () => number {
  const before = usageOf(pid).cpu;
  return () => usageOf(pid).cpu - before;
}

const allAccepted = (fleet: Postfleet, messages: number): Promise<boolean> =>
  until(
    'all is accepted',
    async () => {
      await pause(LOOK_EVERY_MS);
      return (await fleet.metric('postfleet_accepted_total')) >= messages;
    },
    LONGEST_MS,
  );

const rate = (it: Run): number => it.verdict.acceptPerSecond;

const rowsOf = (runs: readonly Run[]): string[][] => {
  const of = (way: Way): Run[] => runs.filter((it) => it.way === way);
  const beside = of('SMTP').map(rate);
  return WAYS.map((way) => {
    const ratios = of(way).map((it, at) => rate(it) / (beside[at] ?? NaN));
    return [
      way,
      String(of(way)[0]?.connections),
      String(of(way)[0]?.meanwhile),
      String(Math.round(median(of(way).map(rate)))),
      String(Math.round(Math.max(...of(way).map(rate)))),
      `${median(ratios).toFixed(2)} ×`,
      String(of(way).reduce((sum, it) => sum + wrongIn(it.verdict), 0)),
      median(of(way).map((it) => (it.cpu * 1000) / it.verdict.unique)).toFixed(2),
    ];
  });
};

const HEAD = [
  'way in',
  'connections',
  'meanwhile',
  'accepted/s',
  'in the best window',
  'to SMTP',
  'lost, doubled, refused',
  'CPU s per 1,000',
];

export async function measureHttp(isShort: boolean, say: Say): Promise<Finding> {
  await needMailbench();
  const form = isShort ? SHORT : FULL;
  const scenes = MEANWHILE.flatMap((meanwhile) => form.connections.map((connections) => ({ meanwhile, connections })));
  const found: Run[][] = [];
  for (const scene of scenes) found.push(await measure(scene, form, say));
  const command = `mailbench -n ${form.messages} -c ${form.connections.join('|')} -size ${BODY_BYTES} -dkim [-http [-keys]]`;
  const about = `Medians of ${form.rounds}\nwindows each, ways in turn on one warm process: \`${command}\``;
  const unclean = found.flat().filter((it) => wrongIn(it.verdict) > 0);
  const faults = unclean.map(({ way, verdict }) => `${way}: ${JSON.stringify(verdict)}`);
  return { text: table(HEAD, found.flatMap(rowsOf)), about, faults };
}

const describe = ({ meanwhile, connections }: Scene): string => `${meanwhile}, ${connections} connections`;
