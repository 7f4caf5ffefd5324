/**
 * Composition root of submission: listeners, authority, admission, and the queue behind them.
 *
 * Listens where the `MTACluster` says. A listener that cannot be served is a fault that names it; none is left out.
 */
import type { SecureContext } from 'node:tls';
import type { Listener as ListenerSpec } from '#crds/kinds/mta-cluster.ts';
import type { Resources } from '#crds/source/resources.ts';
import { matchesNetwork } from '#lib/dns/private-address.ts';
import type { Keyring } from '#lib/keyring/keyring.ts';
import { openVerifier } from '#lib/keyring/verifier.ts';
import type { Clock, Duration } from '#lib/run/clock.ts';
import { seconds } from '#lib/run/clock.ts';
import { codeOf, Fault, reasonOf } from '#lib/run/fault.ts';
import type { Log } from '#lib/run/log.ts';
import { metrics } from '#lib/run/metrics.ts';
import type { Random } from '#lib/run/random.ts';
import { Authority, type Submitter } from './accept/authority.ts';
import { submissionPolicy } from './accept/smtp-policy.ts';
import { defaultLimits } from './accept/smtp/limits.ts';
import { type Listener, SmtpServer } from './accept/smtp/listener.ts';
import { Submissions } from './accept/submit.ts';
import { type MailEvent, queuedEvents } from './event.ts';
import type { Message } from './message.ts';
import type { Queue } from './queue/queue.ts';
import { smtpObserver } from './smtp-observer.ts';

export interface IngressOptions {
  readonly queue: Queue;
  readonly resources: () => Resources;
  readonly keyring: () => Keyring;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly hostname: string;
  /** Told of each durable event. Must not throw. */
  readonly tell: (event: MailEvent) => void;
  /** The certificate of a listener. */
  readonly certificate: (listener: ListenerSpec) => Promise<SecureContext>;
}

export interface Ingress {
  readonly listeners: readonly Listener[];
  /** Takes nothing new, lets transactions end, then closes. */
  close(): Promise<void>;
}

/** How long senders may take to end the transaction they are in. */
const DRAIN: Duration = seconds(30);

export async function startIngress(options: IngressOptions): Promise<Ingress> {
  const server = await submissionServer(options);
  const listeners: Listener[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(listeners.map((it) => it.close(DRAIN)));
  };
  try {
    for (const listener of options.resources().clusters[0]?.spec.ingress.listeners ?? []) {
      listeners.push(await listen(server, listener, options));
    }
  } catch (thrown) {
    await close();
    throw thrown;
  }
  return { listeners, close };
}

async function submissionServer(options: IngressOptions): Promise<SmtpServer<Submitter>> {
  const { queue, resources, keyring, clock, random, hostname, log } = options;
  const verifier = await openVerifier(keyring(), clock, random);
  const authority = new Authority({
    clock,
    resources,
    verify: async (username, secret) => (await verifier.verify(username, secret)) !== undefined,
    hasKey: (domain) => keyring().signingKeys(domain).length > 0,
  });
  const accepted = (message: Message): void => countAccepted(message, options.tell);
  const troubled = (thrown: unknown): void => countFault(thrown, log);
  const submissions = new Submissions({ authority, queue, resources, clock, random, hostname, accepted, troubled });
  const policy = submissionPolicy(authority, submissions);
  return new SmtpServer({ hostname, policy, clock, limits: defaultLimits, observer: smtpObserver(log) });
}

async function listen(server: SmtpServer<Submitter>, spec: ListenerSpec, options: IngressOptions): Promise<Listener> {
  const { name, protocol } = spec;
  if (protocol === 'HTTP' || protocol === 'HTTPS') {
    throw new Fault(
      'listener-unsupported',
      `Listener ${name}: this release takes mail by SMTP and SMTPS, not ${protocol}.`,
    );
  }
  const context = await options.certificate(spec);
  return server.listen({
    name,
    host: spec.address ?? '::',
    port: spec.containerPort ?? spec.port,
    implicitTls: protocol === 'SMTPS',
    secureContext: () => context,
    authRequired: true,
    isBalancer: (address) => spec.proxyProtocolFrom.some((network) => matchesNetwork(address, network)),
    isFamiliar: (address) => spec.trustedNetworks.some((network) => matchesNetwork(address, network)),
  });
}

function countAccepted(message: Message, tell: (event: MailEvent) => void): void {
  metrics.accepted.inc({ via: message.via }, message.recipients.length);
  metrics.acceptedBytes.inc(message.raw.length);
  for (const event of queuedEvents(message)) tell(event);
}

function countFault(thrown: unknown, log: Log): void {
  metrics.storageFaults.inc({ code: codeOf(thrown) || 'unknown' });
  log.error('cannot queue a message', { code: codeOf(thrown), reason: reasonOf(thrown) });
}
