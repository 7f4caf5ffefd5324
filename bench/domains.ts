/**
 * `domains`: thousands of `SendingDomain`s declared at once to an operator on a real API server, until each is ready, and an operator that
 * is started again on them.
 *
 * Records are published as the statuses say, by a name server that answers at once. There are no pods, so a key that is seen in DNS is
 * active. Most of the time is RSA keys: they are made on threads beside the event loop, whose longest pause is shown. What is written
 * is told by the API server's audit log.
 */
import { typeOfKind } from '#crds/definition.ts';
import { type KubeChange, Reflector } from '#lib/kube/reflector.ts';
import { systemClock } from '#lib/run/clock.ts';
import { systemRandom } from '#lib/run/random.ts';
import { conditionsOf } from '#operator/controller/status.ts';
import { AuditLog, type AuditedWrite } from '../test/harness/audit-log.ts';
import type { Operated } from '../test/harness/operated.ts';
import { operatedScene, startOperatorAsking } from '../test/harness/operated-scene.ts';
import { OPERATOR, type OperatorProcess } from '../test/harness/operator.ts';
import type { Stage } from '../test/harness/stage.ts';
import { until } from '../test/harness/until.ts';
import { statusOf, type Zone } from '../test/harness/zone.ts';
import { needControlPlane } from '../test/setup/control-plane.ts';
import { table } from './page.ts';
import { type Finding, onStage, type Say } from './rounds.ts';
import { usageOf } from './usage.ts';

const FULL = 5000;
const SHORT = 100;
const MOST_MEGABYTES = 400;
/** A leader that stands still for longer is none any more. */
const MOST_PAUSE = 2;
const LONGEST_MS = 3_600_000;
const LOOKS_EVERY_MS = 1000;
const QUIET_MS = 5000;
const AT_ONCE = 20;
const SAID_EVERY_MS = 20_000;

/** What an operator has used until all was quiet. */
interface Run {
  readonly what: string;
  readonly seconds: number;
  readonly cpu: number;
  readonly peakMB: number;
  /** Seconds for which its event loop did nothing else. */
  readonly pause: number;
  /** By what was written. */
  readonly writes: ReadonlyMap<string, number>;
}

interface Watching {
  readonly what: string;
  readonly operator: OperatorProcess;
  readonly audit: AuditLog;
  /** Whether it has come to its end, but for what it may write yet. */
  readonly isDone: () => boolean | Promise<boolean>;
  readonly progress: () => string;
  readonly say: Say;
}

/** Looks at an operator until it is done and has written nothing for a while. */
class Watch {
  readonly #of: Watching;
  readonly #began: number;
  readonly #writes = new Map<string, number>();
  /** How many of the audit log were before it, or are counted. */
  #seen: number;
  #last = 0;
  #done = 0;
  #pause = 0;
  #said = Date.now();

  constructor(of: Watching, began = Date.now()) {
    this.#of = of;
    this.#began = began;
    this.#seen = of.audit.writes.length;
  }

  /** Its time ends with its last write. */
  async run(): Promise<Run> {
    const { what, operator } = this.#of;
    await until(`${what}: it is quiet`, () => this.#isQuiet(), LONGEST_MS, LOOKS_EVERY_MS);
    const { cpu, peakMemory } = usageOf(operator.program.pid);
    const seconds = (Math.max(this.#last, this.#done) - this.#began) / 1000;
    return { what, seconds, cpu, peakMB: peakMemory / 1e6, pause: this.#pause, writes: this.#writes };
  }

  async #isQuiet(): Promise<boolean> {
    const { operator, audit, isDone } = this.#of;
    if (operator.program.exit) throw new Error(`the operator ended, saying:\n${operator.program.stderr}`);
    const { writes } = audit;
    for (const it of writes.slice(this.#seen)) if (it.user === OPERATOR) this.#count(it);
    this.#seen = writes.length;
    this.#pause = Math.max(this.#pause, await figure(operator, 'nodejs_eventloop_lag_max_seconds'));
    if (this.#done === 0 && (await isDone())) this.#done = Date.now();
    const now = Date.now();
    if (now - this.#said > SAID_EVERY_MS) this.#tell((this.#said = now));
    return this.#done > 0 && now - Math.max(this.#last, this.#done) > QUIET_MS;
  }

  #count(write: AuditedWrite): void {
    const kind = `${write.verb} ${write.resource}`;
    this.#last = Math.max(this.#last, write.at);
    this.#writes.set(kind, (this.#writes.get(kind) ?? 0) + 1);
  }

  #tell(now: number): void {
    const { what, progress, operator, say } = this.#of;
    const { cpu, peakMemory } = usageOf(operator.program.pid);
    const used = `${Math.round(cpu)} s of processor time, ${Math.round(peakMemory / 1e6)} MB`;
    say(`${what}: ${progress()} after ${Math.round((now - this.#began) / 1000)} s, ${used}`);
  }
}

async function figure(operator: OperatorProcess, name: string): Promise<number> {
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(await operator.metrics())?.[1] ?? 0);
}

/** Which domains are ready; what a status says is published at once, and the operator asked to look, as people do. */
function follow(site: Operated, zone: Zone): { readonly ready: ReadonlySet<string>; close(): Promise<void> } {
  const { kube } = site;
  const ready = new Set<string>();
  const heard = ({ key, object }: KubeChange): void => {
    const told = statusOf(object);
    const isNew = (told.records ?? []).some(({ type, name }) => !zone.has(type, name));
    zone.publish(told);
    if (isNew) void declare(site, key, String(object.metadata.resourceVersion));
    if (conditionsOf(object).some(({ type, status }) => type === 'Ready' && status === 'True')) ready.add(key);
  };
  const type = typeOfKind('SendingDomain');
  const following = new Reflector({ kube, type, heard, clock: systemClock, random: systemRandom });
  return { ready, close: () => following.close() };
}

async function declareAround(site: Operated): Promise<void> {
  await site.declare('MTACluster', 'mail/main', { queue: { nats: { servers: ['nats://nats:4222'] } } });
  const members = [{ name: 'one', address: '192.0.2.1', egress: 'Local' }];
  await site.declare('IPPool', 'mail/main', { clusterRef: { name: 'main' }, members });
}

/** `place`: `mail/d1`. `asked`: another text than before, to have DNS looked at. */
function declare(site: Operated, place: string, asked = ''): Promise<void> {
  const spec = { domain: `${place.replace('mail/', '')}.example`, poolRef: { name: 'main' } };
  return site.declare('SendingDomain', place, spec, { 'postfleet.io/reconcile-at': asked });
}

async function declareDomains(site: Operated, count: number): Promise<void> {
  for (let at = 0; at < count; at += AT_ONCE)
    await Promise.all(
      Array.from({ length: Math.min(AT_ONCE, count - at) }, (_, more) => declare(site, `mail/d${at + more}`)),
    );
}

async function measure(stage: Stage, count: number, say: Say): Promise<readonly [Run, Run]> {
  const audit = new AuditLog(stage);
  const { site, zone, operator: first } = await operatedScene(stage, ['mail'], audit.flags);
  await declareAround(site);
  const following = follow(site, zone);
  const { ready } = following;
  const around = { audit, say, progress: () => `${ready.size} are ready` };
  const watch = new Watch({ ...around, what: 'declared', operator: first, isDone: () => ready.size === count });
  await declareDomains(site, count);
  const declared = await watch.run();
  await first.program.stop();
  const [began, second] = [Date.now(), await startOperatorAsking(stage, site, zone)];
  // At the start, and when DNS was asked.
  const isDone = async (): Promise<boolean> => (await second.looks('sendingdomain')) >= 2 * count;
  const again = await new Watch({ ...around, what: 'started again', operator: second, isDone }, began).run();
  await second.program.stop();
  await following.close();
  return [declared, again];
}

const writesOf = ({ writes }: Run): number => [...writes.values()].reduce((sum, it) => sum + it, 0);

function faultsOf({ what, peakMB, pause }: Run): string[] {
  return [
    ...(peakMB > MOST_MEGABYTES ? [`${what}: ${Math.round(peakMB)} MB`] : []),
    ...(pause > MOST_PAUSE ? [`${what}: the event loop stood still for ${pause.toFixed(1)} s`] : []),
  ];
}

const HEAD = ['operator', 'domains', 's until quiet', 'RSA keys/s', 'CPU s', 'most MB', 'longest pause s', 'writes'];

const rowOf = (run: Run, count: number, keys: number): string[] => [
  run.what,
  String(count),
  run.seconds.toFixed(1),
  keys === 0 ? '–' : (keys / run.seconds).toFixed(1),
  run.cpu.toFixed(1),
  String(Math.round(run.peakMB)),
  run.pause.toFixed(2),
  String(writesOf(run)),
];

export async function measureDomains(isShort: boolean, say: Say): Promise<Finding> {
  needControlPlane();
  const count = isShort ? SHORT : FULL;
  const [declared, again] = await onStage((stage) => measure(stage, count, say));
  const kinds = [...declared.writes].toSorted(([, a], [, b]) => b - a).map(([what, times]) => `${times} × ${what}`);
  const faults = [
    ...[declared, again].flatMap(faultsOf),
    ...(writesOf(again) > 0 ? [`started again: ${[...again.writes.keys()].join(', ')}`] : []),
  ];
  const text = [
    table(HEAD, [rowOf(declared, count, count), rowOf(again, count, 0)]),
    `Written until all were ready: ${kinds.join(', ')}.`,
  ].join('\n\n');
  const about = `Each domain has an RSA-2048 and an\nEd25519 key; memory may be ${MOST_MEGABYTES} MB; writes are the operator's but for its Lease, by the API server's audit log`;
  return { text, about, faults };
}
