/**
 * `http`: how fast mail comes in by HTTP beside SMTP, on this machine, in this run, in turn.
 *
 * The same small messages by SMTP, by HTTP, and by HTTP with an Idempotency-Key each, while everything is signed and
 * delivered as it comes. Rates are of what was answered 250 or 202. Lost, doubled or refused mail fails.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigFolder } from '../test/harness/config.ts';
import { Mailbench, type Verdict } from '../test/harness/mailbench.ts';
import { Postfleet } from '../test/harness/postfleet.ts';
import { needMailbench } from '../test/setup/tools.ts';
import { middleOf, table } from './page.ts';
import { type Finding, inTurn, onStage, type Say } from './rounds.ts';
import { usageOf } from './usage.ts';

const WAYS = ['SMTP', 'HTTP', 'HTTP with keys'] as const;
type Way = (typeof WAYS)[number];

interface Run {
  readonly way: Way;
  readonly verdict: Verdict;
  /** Seconds of processor time. */
  readonly cpu: number;
}

const FULL = { messages: 6000, rounds: 3 };
const SHORT = { messages: 2000, rounds: 1 };
const CONNECTIONS = 20;
const BODY_BYTES = 2048;

/** A Postfleet of its own for each run. */
const measure = (way: Way, messages: number): Promise<Run> =>
  onStage(async (stage) => {
    const config = await ConfigFolder.from(stage, 'bench');
    const fleet = await Postfleet.start(stage, config);
    const { submission, api, receiver: sink } = config.ports;
    const token = readFileSync(join(fleet.data, 'secrets', fleet.username, 'token'), 'utf8').trim();
    const byHttp = ['-http', '-token', token, ...(way === 'HTTP with keys' ? ['-keys'] : [])];
    const flags = ['-size', String(BODY_BYTES), '-wait', '120s', '-dkim', ...(way === 'SMTP' ? [] : byHttp)];
    const to = way === 'SMTP' ? submission : api;
    const before = usageOf(fleet.program.pid).cpu;
    const verdict = await Mailbench.start(stage, { to, sink, messages, connections: CONNECTIONS, flags }).verdict();
    const cpu = usageOf(fleet.program.pid).cpu - before;
    await fleet.stop();
    return { way, verdict, cpu };
  });

const wrong = ({ lost, duplicates, refused, unknown, unsigned = 0 }: Verdict): number =>
  lost + duplicates + refused + unknown + unsigned;

/** The table, one row a way: the run in the middle by rate. */
function tableOf(runs: readonly Run[]): string {
  const rate = (it: Run): number => it.verdict.acceptPerSecond;
  const rows = WAYS.map((way) =>
    middleOf(
      runs.filter((it) => it.way === way),
      rate,
    ),
  );
  const smtp = rows[0] ? rate(rows[0]) : 0;
  const head = ['way in', 'accepted/s', 'to SMTP', 'delivered/s', 'lost, doubled, refused', 'CPU s per 1,000'];
  const cells = rows.map((row) => [
    row.way,
    String(Math.round(rate(row))),
    `${(rate(row) / smtp).toFixed(2)} ×`,
    String(Math.round(row.verdict.deliverPerSecond)),
    String(Math.max(...runs.filter((it) => it.way === row.way).map((it) => wrong(it.verdict)))),
    ((row.cpu * 1000) / row.verdict.unique).toFixed(2),
  ]);
  return table(head, cells);
}

export async function measureHttp(isShort: boolean, say: Say): Promise<Finding> {
  await needMailbench();
  const { messages, rounds } = isShort ? SHORT : FULL;
  const runs = await inTurn(rounds, WAYS, async (way, round) => {
    const run = await measure(way, messages);
    say(`round ${round}, ${way}: ${Math.round(run.verdict.acceptPerSecond)}/s accepted`);
    return run;
  });
  const command = `mailbench -n ${messages} -c ${CONNECTIONS} -size ${BODY_BYTES} -dkim [-http [-keys]]`;
  const about = `Each row is the median of three\nruns, ways in turn: \`${command}\``;
  const unclean = runs.filter((it) => wrong(it.verdict) > 0);
  const faults = unclean.map(({ way, verdict }) => `${way}: ${JSON.stringify(verdict)}`);
  return { text: tableOf(runs), about, faults };
}
