/**
 * Composition root of submission: listeners, authority, admission, and the queue behind them.
 *
 * Listens where the `MTACluster` says. A listener that cannot be served is a fault that names it; none is left out.
 */
import type { IngressLimits } from '#crds/ingress-limits.ts';
import type { Listener as ListenerSpec } from '#crds/kinds/mta-cluster.ts';
import type { SendingDomain } from '#crds/kinds/sending-domain.ts';
import type { Resources } from '#crds/source/resources.ts';
import { matchesNetwork } from '#lib/dns/private-address.ts';
import type { Keyring } from '#lib/keyring/keyring.ts';
import type { Pace } from '#lib/http/body.ts';
import type { HttpDoors } from '#lib/http/door.ts';
import { openHttp, type Route } from '#lib/http/server.ts';
import { openVerifier } from '#lib/keyring/verifier.ts';
import type { Clock, Duration } from '#lib/run/clock.ts';
import { minutes, seconds } from '#lib/run/clock.ts';
import { codeOf, reasonOf } from '#lib/run/fault.ts';
import type { Log } from '#lib/run/log.ts';
import { declared, metrics, watchGauge } from '#lib/run/metrics.ts';
import { oneOf } from '#lib/metric/declaration.ts';
import type { Random } from '#lib/run/random.ts';
import type { Tracer } from '#lib/trace/tracer.ts';
import { Authority, type AuthorityOptions, type Submitter } from '../accept/authority.ts';
import { type ApiParts, apiRoutes } from '../accept/http/api.ts';
import { withReturns } from '../accept/returns/policy.ts';
import { Returns } from '../accept/returns/returns.ts';
import { submissionPolicy } from '../accept/smtp-policy.ts';
import { defaultLimits, limitsOf, type SmtpLimits } from '../accept/smtp/limits.ts';
import { SmtpServer } from '../accept/smtp/listener.ts';
import type { Doors } from '#lib/address/doors.ts';
import { Guesses } from '../accept/guesses.ts';
import { logins } from '../accept/logins.ts';
import { openReception } from '../accept/reception.ts';
import { Submissions } from '../accept/submit.ts';
import type { ListenerCertificate } from './certificate.ts';
import { type MailEvent, queuedEvents } from '../mail/event.ts';
import { judgeBy } from '../work/judge.ts';
import type { Message, MessageId } from '../mail/message.ts';
import type { Reply } from '../mail/reply.ts';
import type { Queue } from '../queue/queue.ts';
import { ReturnPaths } from '../declared/return-paths.ts';
import { DeclaredPlaces } from '../declared/return-places.ts';
import type { Ledger } from '../settle/ledger/ledger.ts';
import type { Stray } from '../settle/ledger/returned.ts';
import type { Suppressions } from '../settle/ledger/suppressions.ts';
import type { QuotaCount, Quotas } from '../accept/quota.ts';
import { QuotaKeeper } from '../accept/quota-keeper.ts';
import { smtpObserver } from './smtp-observer.ts';

export interface IngressOptions {
  readonly queue: Queue;
  readonly resources: () => Resources;
  readonly keyring: () => Keyring;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly hostname: string;
  /** Absent: nothing is traced. */
  readonly tracer?: Tracer | undefined;
  /** Why new mail is put off now, if it is. */
  readonly putOff: () => Reply | undefined;
  /** Told of each durable event. Must not throw. */
  readonly tell: (event: MailEvent) => void;
  /** The certificate of a listener; asked for the newest at each connection. */
  readonly certificate: (listener: ListenerSpec) => Promise<Pick<ListenerCertificate, 'current'>>;
  /** Every event of a message, oldest first. */
  readonly trace: (id: MessageId) => Promise<readonly MailEvent[]>;
  readonly suppressions: Suppressions;
  /** Where what comes back, and what quotas have counted, is kept. */
  readonly ledger: Ledger;
  /** Quotas that are shared with others, on what is counted here. Absent: they are counted here alone. */
  readonly quotas?: ((own: Quotas) => QuotaCount) | undefined;
  /** Whether a domain is proven in DNS. */
  readonly proof: NonNullable<AuthorityOptions['proof']>;
  /** Whether a message of a domain could be signed now. */
  readonly hasKey: AuthorityOptions['hasKey'];
  readonly domainStatus: ApiParts['domainStatus'];
  readonly used?: AuthorityOptions['used'];
}

/** A place where mail is taken. */
export interface Listener {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Takes nothing new; what is under way may end within `drain`, a message that is coming in within `content`. */
  close(drain: Duration, content: Duration): Promise<void>;
}

export interface Ingress {
  readonly listeners: readonly Listener[];
  /** Takes nothing new from now on, lets transactions end, then closes. Calling it again waits for the same. */
  close(): Promise<void>;
}

/** How long senders may take to come to DATA in the transaction they are in; who does not has lost nothing. */
const DRAIN: Duration = seconds(30);
/** How long a message past DATA, or a request, may take until it is answered. */
const DRAIN_CONTENT: Duration = minutes(11);

export async function startIngress(options: IngressOptions): Promise<Ingress> {
  const ways = await openWays(options);
  const listeners: Listener[] = [];
  let closing: Promise<void> | undefined;
  const end = async (): Promise<void> => {
    await Promise.all(listeners.map((it) => it.close(DRAIN, DRAIN_CONTENT)));
    await ways.keeper.stop();
  };
  const close = (): Promise<void> => (closing ??= end());
  try {
    for (const listener of options.resources().clusters[0]?.spec.ingress.listeners ?? []) {
      listeners.push(await listen(ways, listener, options));
    }
  } catch (thrown) {
    await close();
    throw thrown;
  }
  return { listeners, close };
}

/** The ways in, over one authority and one set of quotas. */
interface Ways {
  readonly smtp: SmtpServer<Submitter>;
  readonly doors: Doors;
  readonly keeper: QuotaKeeper;
  readonly routes: readonly Route[];
  /** How slowly bodies may come in. */
  readonly pace: Pace['limits'];
}

/** Longest silence in a body: programs send them, not people. */
const BODY_SILENCE: Duration = seconds(30);

async function openWays(options: IngressOptions): Promise<Ways> {
  const { queue, resources, keyring, clock, random, hostname, log, trace, suppressions, ledger, putOff } = options;
  const limits = newestLimits(resources);
  const verifier = await openVerifier(keyring(), clock, random);
  const authority = new Authority({
    clock,
    resources,
    verify: logins(verifier, new Guesses(clock, () => limits().guesses)),
    hasKey: options.hasKey,
    proof: options.proof,
    used: options.used,
  });
  const accepted = (message: Message, took: Duration): void => countAccepted(message, took, options.tell);
  const troubled = (thrown: unknown): void => countFault(thrown, log);
  const keeper = await QuotaKeeper.open({ usage: ledger.usage, clock, troubled });
  const told = { accepted, troubled };
  const world = { authority, queue, resources, clock, random, hostname, suppressions, tracer: options.tracer };
  const quotas = options.quotas?.(keeper.quotas) ?? keeper.quotas;
  const submissions = new Submissions({ ...world, quotas, ...told });
  const returns = openReturns(options, authority, troubled);
  const submission = submissionPolicy(authority, submissions, suppressions, putOff);
  const policy = withReturns(submission, returns, ({ tenant }) => tenant);
  const reception = openReception(limits);
  const smtp = new SmtpServer({ hostname, policy, clock, limits, ...reception, observer: smtpObserver(log) });
  watchGauge('receivingBytes', () => reception.memory.used);
  watchGauge('pressure', () => (smtp.isPressed ? 1 : 0));
  return {
    smtp,
    doors: reception.doors,
    keeper,
    pace: () => paceOf(smtp.limits),
    routes: apiRoutes({
      authority,
      submissions,
      limits,
      memory: reception.memory,
      putOff,
      queue,
      trace,
      copies: (id) => ledger.returned.copies(id),
      suppressions,
      clock,
      tell: options.tell,
      changed: (change) => log.info('suppressions changed', { ...change }),
      troubled,
      domainStatus: options.domainStatus,
    }),
  };
}

function openReturns(options: IngressOptions, authority: Authority, troubled: (thrown: unknown) => void): Returns {
  const { resources, ledger, clock, hostname, tell, log } = options;
  const isProven = (domain: SendingDomain): boolean =>
    domain.spec.verification === 'Skip' || authority.proof(domain).kind === 'proven';
  const places = new DeclaredPlaces({ paths: new ReturnPaths(options), resources, isProven, hostname });
  const shelved = ({ copy, ...stray }: Stray): void => {
    metrics.returned.inc({ what: 'unmatched' });
    log.info('mail came back that is about no message', { ...stray, bytes: copy.length });
  };
  return new Returns({ places, ledger, clock, judge: judgeBy(resources), tell, shelved, troubled });
}

const paceOf = ({ dataTime, dataBytesPerSecond }: SmtpLimits): ReturnType<Pace['limits']> => ({
  silence: Math.min(dataTime, BODY_SILENCE),
  bytesPerSecond: dataBytesPerSecond,
});

/** The limits of the newest resources. */
function newestLimits(resources: () => Resources): () => SmtpLimits {
  let of: IngressLimits | undefined;
  let limits = defaultLimits;
  return () => {
    const spec = resources().clusters[0]?.spec.ingress.limits;
    if (spec && spec !== of) [of, limits] = [spec, limitsOf(spec)];
    return limits;
  };
}

async function listen(ways: Ways, spec: ListenerSpec, options: IngressOptions): Promise<Listener> {
  const { name, protocol } = spec;
  const host = spec.address ?? '::';
  const port = spec.containerPort ?? spec.port;
  if (protocol === 'HTTP' || protocol === 'HTTPS') return listenHttp(ways, spec, host, port, options);
  const certificate = await options.certificate(spec);
  const implicitTls = protocol === 'SMTPS';
  return ways.smtp.listen({
    name,
    host,
    port,
    implicitTls,
    secureContext: () => certificate.current.context,
    authRequired: true,
    isBalancer: (address) => spec.proxyProtocolFrom.some((network) => matchesNetwork(address, network)),
    isFamiliar: (address) => spec.trustedNetworks.some((network) => matchesNetwork(address, network)),
  });
}

async function listenHttp(
  { routes, doors, pace }: Ways,
  spec: ListenerSpec,
  host: string,
  port: number,
  { certificate, clock, log }: IngressOptions,
): Promise<Listener> {
  const { name, protocol } = spec;
  const shown = protocol === 'HTTPS' ? await certificate(spec) : undefined;
  const troubled = (thrown: unknown): void =>
    log.error('a request failed', { listener: name, reason: reasonOf(thrown) });
  const setting = 'spec.ingress.listeners of the MTACluster';
  const server = await openHttp({
    name: `Listener ${name}`,
    setting,
    host,
    port,
    routes,
    doors: doorsOf(spec, doors),
    pace: { clock, limits: pace },
    troubled,
    ...(shown && { tls: () => shown.current }),
  });
  return { name, host, port, close: (_, time) => server.close({ clock, time }) };
}

/** The limit of connections per address is for strangers. */
const doorsOf = ({ name, trustedNetworks }: ListenerSpec, doors: Doors): HttpDoors => ({
  enter(address) {
    const isFamiliar = trustedNetworks.some((network) => matchesNetwork(address, network));
    const tooMany = doors.enter(address, isFamiliar);
    if (tooMany) metrics.turnedAway.inc({ listener: name, because: tooMany });
    return tooMany;
  },
  leave: (address) => doors.leave(address),
});

function countAccepted(message: Message, took: Duration, tell: (event: MailEvent) => void): void {
  const via = message.via === 'http' ? 'http' : 'smtp';
  metrics.accepted.inc({ via }, message.recipients.length);
  metrics.acceptSeconds.observe({ via }, took / 1000);
  metrics.acceptedByTenant.inc({ tenant: message.tenant }, message.recipients.length);
  metrics.acceptedBytes.inc(message.raw.length);
  for (const event of queuedEvents(message)) tell(event);
}

function countFault(thrown: unknown, log: Log): void {
  metrics.storageFaults.inc({ code: oneOf(declared.counters.storageFaults.labels.code, codeOf(thrown)) });
  log.error('cannot write', { code: codeOf(thrown), reason: reasonOf(thrown) });
}
