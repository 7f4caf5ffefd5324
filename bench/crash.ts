/**
 * `crash`: SIGKILL again and again, at the moments that matter and at any other, and what three books say of it.
 *
 * What was answered 250 is counted by the source, what arrived by the sink, how each recipient ended by the ledger. All
 * three are joined when everything has been delivered: nothing may be lost, nothing doubled that was not in doubt at a
 * kill, nobody may have ended twice or not at all, and what the ledger calls delivered is exactly what the sink has seen.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { ConfigFolder } from '../test/harness/config.ts';
import { ForgetfulDisk } from '../test/harness/forgetful-disk.ts';
import { judgeLedger, type LedgerVerdict } from '../test/harness/ledger-judge.ts';
import { Mailbench, type Verdict } from '../test/harness/mailbench.ts';
import { Postfleet } from '../test/harness/postfleet.ts';
import type { Stage } from '../test/harness/stage.ts';
import { until } from '../test/harness/until.ts';
import { needForgetful, needMailbench } from '../test/setup/tools.ts';
import { median, table } from './page.ts';
import { type Finding, inTurn, onStage, type Say, whatIsSo } from './rounds.ts';

/** What most mail waits for when the kill comes. */
interface Phase {
  readonly name: string;
  readonly load: readonly string[];
  /** What each fsync takes; without it the data lies on the machine's own disk. */
  readonly syncDelay?: string;
}

const PHASES: readonly Phase[] = [
  // Accepted and not committed, taken by the receiver and not recorded: both wait for the same commit.
  { name: 'waiting for a commit', load: ['-settle', '1s'], syncDelay: '100ms' },
  { name: 'queued, leased, past DATA', load: ['-sinklatency', '500ms'] },
  { name: 'past the last chunk (BDAT)', load: ['-sinklatency', '200ms', '-chunking'] },
  { name: 'refused, and reported', load: ['-permfail', '0.8'] },
  { name: 'any moment', load: [] },
];

interface Form {
  readonly kills: number;
  /** How long before a kill an answer is in doubt, where a phase does not say. A short run is made where others run. */
  readonly settled: readonly string[];
}

const FULL: Form = { kills: 40, settled: [] };
const SHORT: Form = { kills: 4, settled: ['-settle', '500ms'] };
const CONNECTIONS = 60;
/** More than are handed in before the last kill. */
const PLENTY = 10_000_000;
const RATE = 500;
const LONGEST_MS = 60_000;
/** Half a minute of it is what messages in hand at two crashes wait apart, whether somebody has read their 250 or not. */
const LONGEST_END_MS = 120_000;
const LONGEST_PAUSE_MS = 800;
/** The sink stays for mail whose 250 nobody read until the queue is empty: longer than that may take. */
const LINGER = '180s';
/** Transactions open, coming in or going out, that a kill must find, in the middle of all of a phase. */
const LEAST_OPEN = 50;

interface Run {
  readonly phase: string;
  readonly kills: number;
  /** Connections open at each kill. */
  readonly open: number;
  /** Recipients that were in hand at three kills. */
  readonly setAside: number;
  readonly verdict: Verdict;
  readonly ledger: LedgerVerdict;
}

const measure = (phase: Phase, { kills, settled }: Form): Promise<Run> =>
  onStage(async (stage) => {
    const config = await ConfigFolder.from(stage, 'bench', {
      DestinationPolicy: { spec: { limits: { connections: CONNECTIONS } } },
    });
    const { submission: to, receiver: sink } = config.ports;
    const data = await dataFolder(stage, phase);
    let fleet = await Postfleet.start(stage, config, { data });
    const flags = ['-rate', String(RATE), '-wait', '120s', '-linger', LINGER, '-dkim', ...settled, ...phase.load];
    const load = Mailbench.start(stage, { to, sink, messages: PLENTY, connections: CONNECTIONS, flags });
    const open: number[] = [];
    let setAside = 0;
    for (let kill = 1; kill <= kills; kill += 1) {
      open.push(await killAtSomeMoment(fleet, load));
      fleet = await Postfleet.start(stage, config, { data });
      setAside += await fleet.metric('postfleet_set_aside_total');
    }
    await fleet.letGo();
    load.enough();
    await until('all has ended', async () => (await fleet.metric('postfleet_queue_depth')) === 0, LONGEST_END_MS);
    load.allHasEnded();
    const verdict = await load.verdict();
    await fleet.stop();
    return { phase: phase.name, kills, open: median(open), setAside, verdict, ledger: await judgeLedger(data) };
  });

async function dataFolder(stage: Stage, { syncDelay }: Phase): Promise<string> {
  if (syncDelay === undefined) return stage.folder('data');
  return (await ForgetfulDisk.mount(stage, ['-syncdelay', syncDelay])).path;
}

/** Answers how many connections it cut. */
async function killAtSomeMoment(fleet: Postfleet, load: Mailbench): Promise<number> {
  await until('it is under load', async () => (await fleet.metric('postfleet_accepted_total')) > 50, LONGEST_MS);
  await pause(randomInt(LONGEST_PAUSE_MS));
  const incoming = await fleet.metric('postfleet_smtp_connections');
  const outgoing = await fleet.metric('postfleet_delivery_connections');
  const killed = fleet.kill();
  load.noteKill();
  await killed;
  return incoming + outgoing;
}

/** A sentence for each thing that may not be. */
function faultsOf({ phase, open, verdict, ledger }: Run): string[] {
  const { accepted, lost, unsigned = 0, refused, duplicates, inDoubt, unique } = verdict;
  const wrong = whatIsSo([
    [accepted === 0, 'nothing was accepted'],
    [open < LEAST_OPEN, `a kill cut ${open} connections, ${LEAST_OPEN} are asked`],
    [lost > 0, `${lost} lost`],
    [refused + unsigned > 0, `${refused} refused, ${unsigned} unsigned`],
    [duplicates > inDoubt, `${duplicates} doubled, and ${inDoubt} were in doubt`],
    [ledger.endedTwice + ledger.neverEnded > 0, `${ledger.endedTwice} ended twice, ${ledger.neverEnded} never`],
    [ledger.delivered !== unique, `the sink has seen ${unique}, the ledger calls ${ledger.delivered} delivered`],
    [ledger.queued < accepted, `${accepted} were answered 250, the ledger knows ${ledger.queued}`],
  ]);
  return wrong.map((what) => `${phase}: ${what}`);
}

const HEAD = [
  'killed while mail is',
  'kills',
  'connections cut',
  'set aside',
  'accepted',
  'lost',
  'doubled',
  'in doubt',
  'ended twice or never',
];

const rowOf = ({ phase, kills, open, setAside, verdict, ledger }: Run): string[] => [
  phase,
  ...[kills, open, setAside, verdict.accepted, verdict.lost, verdict.duplicates, verdict.inDoubt].map(String),
  String(ledger.endedTwice + ledger.neverEnded),
];

export async function measureCrash(isShort: boolean, say: Say): Promise<Finding> {
  await needMailbench();
  await needForgetful();
  const form = isShort ? SHORT : FULL;
  const { kills } = form;
  const runs = await inTurn(1, PHASES, async (phase) => {
    const run = await measure(phase, form);
    say(`${phase.name}: ${kills} kills, ${run.verdict.accepted} accepted, ${run.verdict.lost} lost`);
    return run;
  });
  const about = `${kills * PHASES.length} kills in all; source: \`mailbench -c ${CONNECTIONS} -rate ${RATE} -dkim\`. Doubled mail is that of the sink, in doubt what had passed\nits final dot at a kill or was answered in the last 100 ms (1 s where each fsync takes 100 ms).
Set aside is what was in hand at three kills; it is let go after the last`;
  return { text: table(HEAD, runs.map(rowOf)), about, faults: runs.flatMap(faultsOf) };
}
