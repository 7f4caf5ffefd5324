/**
 * `restarts`: SIGTERM and a new start, again and again while mail comes in and goes out: nothing lost, nothing doubled.
 *
 * Source, sink and ledger are joined at the end as after kills (`crash.ts`), but here no duplicate is forgiven: whoever is
 * asked to end has nothing in doubt.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { ConfigFolder } from '../test/harness/config.ts';
import { judgeLedger, type LedgerVerdict } from '../test/harness/ledger-judge.ts';
import { Mailbench, type Verdict } from '../test/harness/mailbench.ts';
import { Postfleet } from '../test/harness/postfleet.ts';
import { until } from '../test/harness/until.ts';
import { needMailbench } from '../test/setup/tools.ts';
import { median, table } from './page.ts';
import { type Finding, onStage, type Say, whatIsSo } from './rounds.ts';

const FULL_RESTARTS = 1000;
const SHORT_RESTARTS = 10;
const CONNECTIONS = 20;
/** More than are handed in before the last restart. */
const PLENTY = 10_000_000;
const RATE = 300;
/** Receivers take their time, so that every stop finds transactions past DATA. */
const SINK_LATENCY = '50ms';
const LONGEST_MS = 60_000;
const LONGEST_PAUSE_MS = 300;
const SAID_EVERY = 50;

/** One stop: how many connections were open, and how long it took. */
interface Stop {
  readonly open: number;
  readonly took: number;
}

interface Run {
  readonly stops: readonly Stop[];
  readonly verdict: Verdict;
  readonly ledger: LedgerVerdict;
}

const measure = (restarts: number, say: Say): Promise<Run> =>
  onStage(async (stage) => {
    const config = await ConfigFolder.from(stage, 'bench');
    const { submission: to, receiver: sink } = config.ports;
    let fleet = await Postfleet.start(stage, config);
    const flags = ['-rate', String(RATE), '-wait', '120s', '-dkim', '-sinklatency', SINK_LATENCY];
    const load = Mailbench.start(stage, { to, sink, messages: PLENTY, connections: CONNECTIONS, flags });
    const stops: Stop[] = [];
    for (let restart = 1; restart <= restarts; restart += 1) {
      stops.push(await stopAtSomeMoment(fleet));
      fleet = await Postfleet.start(stage, config, { data: fleet.data });
      if (restart % SAID_EVERY === 0) say(`${restart} restarts`);
    }
    load.enough();
    const verdict = await load.verdict();
    await until('all has ended', async () => (await fleet.metric('postfleet_queue_depth')) === 0, LONGEST_MS);
    await fleet.stop();
    return { stops, verdict, ledger: await judgeLedger(fleet.data) };
  });

async function stopAtSomeMoment(fleet: Postfleet): Promise<Stop> {
  await until('it is under load', async () => (await fleet.metric('postfleet_attempts_total')) > 20, LONGEST_MS);
  await pause(randomInt(LONGEST_PAUSE_MS));
  const incoming = await fleet.metric('postfleet_smtp_connections');
  const outgoing = await fleet.metric('postfleet_delivery_connections');
  const from = performance.now();
  const { code, signal } = await fleet.stop();
  if (code !== 0) throw new Error(`a stop ended with ${code ?? signal}, saying:\n${fleet.program.stderr}`);
  return { open: incoming + outgoing, took: performance.now() - from };
}

/** A sentence for each thing that may not be. */
function faultsOf({ verdict, ledger }: Run): string[] {
  const { accepted, lost, unsigned = 0, refused, duplicates, unique } = verdict;
  return whatIsSo([
    [accepted === 0, 'nothing was accepted'],
    [lost > 0, `${lost} lost`],
    [duplicates > 0, `${duplicates} doubled`],
    [refused + unsigned > 0, `${refused} refused, ${unsigned} unsigned`],
    [ledger.endedTwice + ledger.neverEnded > 0, `${ledger.endedTwice} ended twice, ${ledger.neverEnded} never`],
    [ledger.delivered !== unique, `the sink has seen ${unique}, the ledger calls ${ledger.delivered} delivered`],
    [ledger.queued < accepted, `${accepted} were answered 250, the ledger knows ${ledger.queued}`],
  ]);
}

const HEAD = ['restarts', 'connections open', 'accepted', 'lost', 'doubled', 'stop ms', 'longest stop ms'];

const rowOf = ({ stops, verdict }: Run): string[] => {
  const took = stops.map((it) => it.took);
  return [
    stops.length,
    median(stops.map((it) => it.open)),
    verdict.accepted,
    verdict.lost,
    verdict.duplicates,
    Math.round(median(took)),
    Math.round(Math.max(...took)),
  ].map(String);
};

export async function measureRestarts(isShort: boolean, say: Say): Promise<Finding> {
  await needMailbench();
  const run = await measure(isShort ? SHORT_RESTARTS : FULL_RESTARTS, say);
  const about = `Source: \`mailbench -c ${CONNECTIONS} -rate ${RATE} -dkim\`, a sink that takes ${SINK_LATENCY} for each message;\neach stop is SIGTERM, up to ${LONGEST_PAUSE_MS} ms after mail has begun to flow`;
  return { text: table(HEAD, [rowOf(run)]), about, faults: faultsOf(run) };
}
