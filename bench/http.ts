/**
 * `http`: how fast mail comes in by HTTP beside SMTP, on this machine, in this run, in turn.
 *
 * The same small messages by SMTP, by HTTP, and by HTTP with an Idempotency-Key each: while everything is signed and
 * delivered as it comes, and while nothing is sent because nobody listens where it goes. Then the way in is measured
 * alone, and all of it is delivered and counted afterwards. Rates are of what was answered 250 or 202. Lost, doubled or
 * refused mail fails.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Change, ConfigFolder } from '../test/harness/config.ts';
import { Mailbench, type Verdict } from '../test/harness/mailbench.ts';
import { Postfleet } from '../test/harness/postfleet.ts';
import { freePorts } from '../test/harness/ports.ts';
import { until } from '../test/harness/until.ts';
import { needMailbench } from '../test/setup/tools.ts';
import { middleOf, table } from './page.ts';
import { type Finding, inTurn, onStage, type Say } from './rounds.ts';
import { usageOf } from './usage.ts';

const WAYS = ['SMTP', 'HTTP', 'HTTP with keys'] as const;
type Way = (typeof WAYS)[number];

const MEANWHILE = ['delivered', 'nothing sent'] as const;

interface Scene {
  readonly way: Way;
  readonly meanwhile: (typeof MEANWHILE)[number];
}

const SCENES: readonly Scene[] = MEANWHILE.flatMap((meanwhile) => WAYS.map((way) => ({ way, meanwhile })));

interface Run extends Scene {
  readonly verdict: Verdict;
  /** Seconds of processor time: until the last was delivered, or accepted when nothing is sent. */
  readonly cpu: number;
}

const FULL = { messages: 6000, rounds: 3 };
const SHORT = { messages: 2000, rounds: 1 };
const CONNECTIONS = 20;
const BODY_BYTES = 2048;
/** Looking costs the server a page of metrics. */
const LOOK_EVERY_MS = 200;
const LONGEST_MS = 120_000;

const routeTo = (port: number): Change => ({ spec: { routes: [{ host: '127.0.0.1', port }] } });

/** A Postfleet of its own for each run. */
const measure = ({ way, meanwhile }: Scene, messages: number): Promise<Run> =>
  onStage(async (stage) => {
    const config = await ConfigFolder.from(stage, 'bench');
    const { submission, api, receiver: sink } = config.ports;
    const [nobody = 0] = await freePorts(1);
    if (meanwhile === 'nothing sent') config.change('DestinationPolicy', routeTo(nobody));
    const fleet = await Postfleet.start(stage, config);
    const flags = ['-size', String(BODY_BYTES), '-wait', `${LONGEST_MS}ms`, '-dkim', ...flagsOf(way, fleet)];
    const to = way === 'SMTP' ? submission : api;
    const cpu = cpuFrom(fleet);
    const bench = Mailbench.start(stage, { to, sink, messages, connections: CONNECTIONS, flags });
    if (meanwhile === 'nothing sent') await allAccepted(fleet, messages);
    const taking = cpu();
    if (meanwhile === 'nothing sent') config.change('DestinationPolicy', routeTo(sink));
    const verdict = await bench.verdict();
    const whole = cpu();
    await fleet.stop();
    return { way, meanwhile, verdict, cpu: meanwhile === 'nothing sent' ? taking : whole };
  });

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

const wrong = ({ lost, duplicates, refused, unknown, unsigned = 0 }: Verdict): number =>
  lost + duplicates + refused + unknown + unsigned;

const rate = (it: Run): number => it.verdict.acceptPerSecond;

/** The table, one row a scene: the run in the middle by rate. */
function tableOf(runs: readonly Run[]): string {
  const of = ({ way, meanwhile }: Scene): Run[] => runs.filter((it) => it.way === way && it.meanwhile === meanwhile);
  const head = ['way in', 'meanwhile', 'accepted/s', 'to SMTP', 'lost, doubled, refused', 'CPU s per 1,000'];
  const cells = SCENES.map((scene) => {
    const row = middleOf(of(scene), rate);
    const smtp = middleOf(of({ ...scene, way: 'SMTP' }), rate);
    return [
      row.way,
      row.meanwhile,
      String(Math.round(rate(row))),
      `${(rate(row) / rate(smtp)).toFixed(2)} ×`,
      String(Math.max(...of(scene).map((it) => wrong(it.verdict)))),
      ((row.cpu * 1000) / row.verdict.unique).toFixed(2),
    ];
  });
  return table(head, cells);
}

export async function measureHttp(isShort: boolean, say: Say): Promise<Finding> {
  await needMailbench();
  const { messages, rounds } = isShort ? SHORT : FULL;
  const runs = await inTurn(rounds, SCENES, async (scene, round) => {
    const run = await measure(scene, messages);
    say(`round ${round}, ${scene.way}, ${scene.meanwhile}: ${Math.round(rate(run))}/s accepted`);
    return run;
  });
  const command = `mailbench -n ${messages} -c ${CONNECTIONS} -size ${BODY_BYTES} -dkim [-http [-keys]]`;
  const about = `Each row is the median of three\nruns, ways in turn: \`${command}\``;
  const unclean = runs.filter((it) => wrong(it.verdict) > 0);
  const faults = unclean.map(({ way, verdict }) => `${way}: ${JSON.stringify(verdict)}`);
  return { text: tableOf(runs), about, faults };
}
