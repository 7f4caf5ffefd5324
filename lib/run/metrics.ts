/**
 * Every metric of the product, with its meaning and labels. The only file that imports prom-client.
 *
 * Labels are bounded: kinds, codes and listeners, never a domain, an address or an id. Counters count recipients
 * unless their name says otherwise.
 */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

const registry = new Registry();
const registers = [registry];

export const metrics = {
  accepted: new Counter({
    name: 'postfleet_accepted_total',
    help: 'Recipients of messages that are durably queued and were answered 250 or 202.',
    labelNames: ['via'],
    registers,
  }),
  acceptedBytes: new Counter({
    name: 'postfleet_accepted_bytes_total',
    help: 'Bytes of accepted messages.',
    registers,
  }),
  refused: new Counter({
    name: 'postfleet_refused_total',
    help: 'Messages and recipients refused by admission, by the check that refused.',
    labelNames: ['check'],
    registers,
  }),
  smtpReplies: new Counter({
    name: 'postfleet_smtp_replies_total',
    help: 'Replies given to senders, by what they answer and their code.',
    labelNames: ['listener', 'subject', 'code'],
    registers,
  }),
  smtpConnections: new Gauge({
    name: 'postfleet_smtp_connections',
    help: 'Connections of senders open now.',
    labelNames: ['listener'],
    registers,
  }),
  turnedAway: new Counter({
    name: 'postfleet_smtp_turned_away_total',
    help: 'Connections refused before their greeting, by reason.',
    labelNames: ['listener', 'because'],
    registers,
  }),
  cancelled: new Counter({
    name: 'postfleet_cancelled_total',
    help: 'Recipients whose mail was cancelled before it was delivered.',
    registers,
  }),
  attempts: new Counter({
    name: 'postfleet_attempts_total',
    help: 'Attempts by what became of them: delivered, deferred, bounced, expired.',
    labelNames: ['outcome'],
    registers,
  }),
  rulesFired: new Counter({
    name: 'postfleet_rules_fired_total',
    help: 'Rules over replies that fired, by what they did.',
    labelNames: ['action'],
    registers,
  }),
  suppressed: new Counter({
    name: 'postfleet_suppressed_total',
    help: 'Addresses suppressed because a receiver said that they are not there.',
    registers,
  }),
  failures: new Counter({
    name: 'postfleet_failures_total',
    help: 'Attempts that did not deliver, by what became of them and the class of failure.',
    labelNames: ['outcome', 'class'],
    registers,
  }),
  returned: new Counter({
    name: 'postfleet_returned_total',
    help: 'Mail that came back to return paths, and what it told: returned, bounced-later, complained, unmatched.',
    labelNames: ['what'],
    registers,
  }),
  inDoubt: new Counter({
    name: 'postfleet_in_doubt_total',
    help: 'Attempts whose final dot was sent and whose reply was not seen.',
    registers,
  }),
  transactionSeconds: new Histogram({
    name: 'postfleet_transaction_seconds',
    help: 'From the first command of a transaction to the reply that decided it.',
    buckets: [0.005, 0.025, 0.1, 0.5, 1, 5, 30, 120, 600],
    registers,
  }),
  queueSeconds: new Histogram({
    name: 'postfleet_queue_seconds',
    help: 'From acceptance, or the time the sender asked for, to delivery.',
    buckets: [0.01, 0.05, 0.25, 1, 5, 30, 300, 3600, 86_400],
    registers,
  }),
  connectFailures: new Counter({
    name: 'postfleet_connect_failures_total',
    help: 'Connections to receivers that gave no session, by how far they got.',
    labelNames: ['stage'],
    registers,
  }),
  dnsLookups: new Counter({
    name: 'postfleet_dns_lookups_total',
    help: 'Questions put to DNS servers, by record type and what came of them; what the cache answers is not among them.',
    labelNames: ['type', 'result'],
    registers,
  }),
  dnsLookupSeconds: new Histogram({
    name: 'postfleet_dns_lookup_seconds',
    help: 'From a question put to DNS servers to its answer, tries and aliases included.',
    buckets: [0.0005, 0.001, 0.005, 0.025, 0.1, 0.5, 2, 10],
    registers,
  }),
  dnsShared: new Counter({
    name: 'postfleet_dns_shared_total',
    help: 'Questions that needed no server: answered by the cache, or together with the same question under way.',
    labelNames: ['by'],
    registers,
  }),
  dnsIgnored: new Counter({
    name: 'postfleet_dns_ignored_total',
    help: 'DNS messages and records that were no answer to what was asked: malformed, id, question, record. Many are a sign of forgery.',
    labelNames: ['because'],
    registers,
  }),
  storageFaults: new Counter({
    name: 'postfleet_storage_faults_total',
    help: 'Writes to the queue that failed, by fault code.',
    labelNames: ['code'],
    registers,
  }),
  resourceProblems: new Gauge({
    name: 'postfleet_resource_problems',
    help: 'Problems in the resources as they are now; above 0 the last good state is in use.',
    registers,
  }),
};

/** A number that is asked for when somebody looks. */
export function watchGauge(name: string, help: string, read: () => number): void {
  registry.removeSingleMetric(name);
  const gauge: Gauge = new Gauge({
    name,
    help,
    registers,
    collect() {
      this.set(read());
    },
  });
  gauge.set(read());
}

/** The same for several numbers, told apart by one label. */
export function watchGauges(
  name: string,
  help: string,
  label: string,
  read: () => Readonly<Record<string, number>>,
): void {
  registry.removeSingleMetric(name);
  const set = (gauge: Gauge): void => {
    for (const [value, count] of Object.entries(read())) gauge.set({ [label]: value }, count);
  };
  set(
    new Gauge({
      name,
      help,
      labelNames: [label],
      registers,
      collect() {
        set(this);
      },
    }),
  );
}

/** Adds the process's own: memory, event loop, descriptors. */
export const watchProcess = (): void => collectDefaultMetrics({ register: registry });

/** The whole page in Prometheus' text format, and its content type. */
export async function metricsPage(): Promise<{ contentType: string; text: string }> {
  return { contentType: registry.contentType, text: await registry.metrics() };
}
