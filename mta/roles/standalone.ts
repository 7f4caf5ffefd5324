/**
 * Composition root of one machine: submission, queue, delivery and what watches them, in one process on one data folder.
 *
 * Opens the parts so that nothing is accepted before it can be delivered, and closes them in the reverse order. A start
 * that fails closes what it had opened and says what to do.
 */
import { Fault } from '#lib/run/fault.ts';
import type { Log } from '#lib/run/log.ts';
import { yieldToEventLoop } from '#lib/run/priority.ts';
import { noSpace } from '../accept/submitted.ts';
import { openAdmin } from './admin.ts';
import { openBuiltInReceiver } from './built-in-receiver.ts';
import { certificateOf } from './certificate.ts';
import { apiUrlOf } from '../declared/declared.ts';
import { diskPart, watchDisk } from './disk-watch.ts';
import { Domains, domainsAsked } from '../declared/domains.ts';
import { openEmbedded } from './embedded.ts';
import { publishFirstStep } from './first-step.ts';
import { type Ground, openGround, type Part } from './ground.ts';
import { startIngress } from './ingress.ts';
import { watchQueue } from './queue-gauges.ts';
import { sendingHere } from '../insight/sending.ts';
import type { StandaloneSettings } from './settings.ts';
import type { SubmissionHint } from '../watch/send.ts';
import { MailWorker } from '../work/worker.ts';

export interface Standalone {
  readonly metricsUrl: string;
  readonly adminUrl: string;
  /** Where mail is taken: `submission 127.0.0.1:2525`. */
  readonly listeners: readonly string[];
  /** How to send a first message; absent without a credential, a domain and a listener. */
  readonly hint: SubmissionHint | undefined;
  /** Where the HTTP API is, without the path; absent without a listener for it. */
  readonly apiUrl: string | undefined;
  /** Folder of the built-in receiver, if the resources ask for one. */
  readonly received: string | undefined;
  /** Takes nothing new, lets what is under way end, closes everything. */
  stop(): Promise<void>;
}

export interface StandaloneSurroundings {
  readonly settings: StandaloneSettings;
  readonly log: Log;
  /** Shows a line to whoever started it. */
  readonly show: (line: string) => void;
  /** Told when it cannot go on: nothing can be stored any more. What was accepted is safe; start again. */
  readonly failed: (fault: Fault) => void;
}

export async function startStandalone(surroundings: StandaloneSurroundings): Promise<Standalone> {
  const opened = new AsyncDisposableStack();
  try {
    return await build(surroundings, opened);
  } catch (thrown) {
    await opened.disposeAsync();
    throw thrown;
  }
}

async function build(surroundings: StandaloneSurroundings, opened: AsyncDisposableStack): Promise<Standalone> {
  const { settings, log, failed } = surroundings;
  let takesMail = false;
  const parts: Part[] = [() => ({ part: 'listeners', ready: takesMail })];
  const ground = await openGround({ settings, log, parts }, opened);
  const { config, data, database, declared, clock } = ground;
  refuseNats(ground);
  const size = () => ground.cluster().spec.queue.reserve;
  const disk = opened.adopt(await watchDisk({ data, database, clock, log, size }), (it) => it.close());
  parts.push(() => diskPart(disk.state));
  const received = await openBuiltInReceiver(ground, surroundings.show, opened);

  const { queue, ledger } = await openEmbedded(ground, opened);
  watchQueue(queue, clock);
  const { suppressions, memory, orders } = ledger;
  const common = { ...ground, queue, ledger, suppressions, memory, orders };
  const worker = opened.adopt(await MailWorker.start(common), (it) => it.stop());
  const domains = opened.adopt(await Domains.open(ground), (it) => it.close());
  declared.onChange(() => worker.replan());
  declared.onChange(() => domains.declare());
  void database.broken.then((fault) => failed(fault));

  const admin = opened.adopt(
    await openAdmin({ ...common, admin: settings.admin, sending: sendingHere(worker, queue, clock), domains }),
    (it) => it.close(),
  );
  const certificate = async (listener: Parameters<typeof certificateOf>[0]) =>
    opened.adopt(await certificateOf(listener, ground), (it) => it.close());
  const trace = (id: string) => ledger.trace(id);
  const putOff = () => (disk.state.isLow ? noSpace : undefined);
  const ingress = opened.adopt(
    await startIngress({ ...common, certificate, trace, putOff, ...domainsAsked(domains) }),
    (it) => it.close(),
  );
  takesMail = true;
  const hint = await publishFirstStep(ground);
  yieldToEventLoop();
  log.info('ready', { config, data });
  return {
    metricsUrl: ground.metricsUrl,
    adminUrl: admin.url,
    listeners: ingress.listeners.map((it) => `${it.name} ${it.host}:${it.port}`),
    hint,
    apiUrl: apiUrlOf(declared.resources()),
    received,
    stop: async () => {
      takesMail = false;
      // Together: neither waits for the other's peers, and both may be watched until the last is done.
      await Promise.all([ingress.close(), worker.stop()]);
      await opened.disposeAsync();
    },
  };
}

function refuseNats({ cluster }: Ground): void {
  if (!cluster().spec.queue.nats) return;
  throw new Fault(
    'queue-unsupported',
    '`standalone` has the embedded queue: remove spec.queue.nats from the MTACluster, or start `ingress` and `worker`',
  );
}
