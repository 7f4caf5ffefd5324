/**
 * Composition root of one process that sends mail: its share of the shards of a queue on NATS.
 *
 * Which shards these are the workers find out among themselves (`queue/shards/`): one that dies is replaced within seconds,
 * one that is stopped hands its shards over, one that cannot reach NATS stops sending. Any number of them may run.
 */
import { type Duration, seconds, sleep } from '#lib/run/clock.ts';
import { reasonOf } from '#lib/run/fault.ts';
import { watchGauge } from '#lib/run/metrics.ts';
import { yieldToEventLoop } from '#lib/run/priority.ts';
import { Connection } from '#lib/nats/connection.ts';
import { openAdmin } from './admin.ts';
import { openClusterLedger } from './cluster-ledger.ts';
import { type ClusterQueue, openClusterQueue } from './cluster-queue.ts';
import { openClusterSending } from '../insight/cluster-sending.ts';
import { openDomains } from '../declared/open-domains.ts';
import { type Ground, openGround, type Part } from './ground.ts';
import { watchQueue } from './queue-gauges.ts';
import { Crew } from '../queue/shards/crew.ts';
import { Share } from '../queue/shards/share.ts';
import { Shift, type Wire } from '../queue/shards/shift.ts';
import { failWith, type Role, type RoleSurroundings, startRole } from './role.ts';
import { LEASED_BYTES } from '../queue/sqlite/memory.ts';
import { Saturation, usedHere } from '../work/saturation.ts';
import { tellQueue } from './tell-queue.ts';
import { MailWorker } from '../work/worker.ts';

/** What has not come to DATA by then is for whoever takes its shard. */
const HURRY: Duration = seconds(1);
/** How long NATS may take to carry the word that all shards are free. */
const FAREWELL: Duration = seconds(2);
const NAME_BYTES = 9;

export const startWorkerRole = (surroundings: RoleSurroundings): Promise<Role> => startRole(surroundings, build);

async function build(surroundings: RoleSurroundings, opened: AsyncDisposableStack): Promise<Role> {
  const { settings, log } = surroundings;
  const parts: Part[] = [];
  let isStopping = false;
  parts.push(() => ({ part: 'sending', ready: !isStopping }));
  const ground = await openGround({ settings, log, parts }, opened);
  const { declared, clock, random, hostname } = ground;
  const onNats = await openClusterQueue(ground, settings, opened);
  const wire = await openWire(onNats, opened);
  const name = `${hostname} ${random.bytes(NAME_BYTES).toString('base64url')}`;
  const crew = new Crew(name, clock);
  let isSure = (): boolean => false;
  const share = new Share({ queue: onNats.queue, shards: onNats.shards, clock, isSure: () => isSure() });
  parts.push(() => shardsPart(crew, share));
  watchQueue(onNats.queue, clock);
  watchGauge('shardsHeld', () => share.held.size);
  tellQueue(ground, onNats, () => share.held.size);
  const ledger = await openClusterLedger(ground, onNats, opened);
  const { suppressions, memory, orders } = ledger;
  const common = { ...ground, queue: share, ledger, suppressions, memory, orders };
  const worker = opened.adopt(await MailWorker.start({ ...common, hurry: HURRY }), (it) => it.stop(settings.drain));
  const shares = (): number[] => [worker.connected, onNats.queue.leasedBytes / LEASED_BYTES];
  const saturation = new Saturation({ clock, used: usedHere, shares });
  watchGauge('workerSaturation', () => saturation.read());
  const domains = opened.adopt(await openDomains(ground), (it) => it.close());
  ledger.onSuspensions((held) => worker.holdBack(held));
  declared.onChange(() => worker.replan());
  declared.onChange(() => domains.declare());
  failWith(ground, surroundings);
  const sending = openClusterSending(ground, onNats, orders, opened, { worker, share });
  const asked = { ...common, admin: settings.admin, sending, domains, shared: settings.keyring };
  const admin = opened.adopt(await openAdmin(asked), (it) => it.close());
  const shift = opened.adopt(
    new Shift({
      name,
      shards: onNats.shards,
      share,
      crew,
      wire,
      clock,
      cutOff: () => worker.cutShort(),
      ...tellersOf(ground),
    }),
    (it) => it.close(),
  );
  isSure = () => shift.isSure;
  shift.begin();
  yieldToEventLoop();
  log.info('ready', { role: 'worker', name });
  return {
    metricsUrl: ground.metricsUrl,
    adminUrl: admin.url,
    listeners: [],
    stop: async () => {
      isStopping = true;
      void shift.leave();
      await worker.stop(settings.drain);
      await Promise.race([shift.leave(), sleep(clock, FAREWELL)]);
    },
  };
}

/** A connection of its own: it is heard however much mail is on its way. */
async function openWire({ access, name }: ClusterQueue, opened: AsyncDisposableStack): Promise<Wire> {
  const connection = opened.adopt(await Connection.open({ ...access, name: `postfleet ${name} shards` }), (it) =>
    it.close(),
  );
  const subject = `${name}.alive`;
  return {
    publish: (payload) => connection.publish({ subject, headers: {}, payload }),
    subscribe: (hear) => connection.subscribe(subject, hear),
  };
}

const shardsPart = (crew: Crew, share: Share): ReturnType<Part> =>
  crew.isCutOff
    ? { part: 'shards', ready: false, reason: 'NATS does not carry what this worker says: nothing is sent' }
    : { part: 'shards', ready: true, reason: `${share.held.size} held` };

const tellersOf = ({ log }: Ground): Pick<ConstructorParameters<typeof Shift>[0], 'told'> => ({
  told: (step, shard, fault) => {
    if (fault === undefined) log.info('a shard changes hands', { step, shard });
    else log.warn('a shard cannot change hands yet', { step, shard, reason: reasonOf(fault) });
  },
});
