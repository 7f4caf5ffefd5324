/**
 * Every metric of the product, made of its declaration in `lib/metric/`. The only file that imports prom-client.
 *
 * Labels are bounded: the compiler takes only values that are declared, and what is not listed there says where else it
 * comes from; never a domain, an address or an id. Counters count recipients unless their unit says otherwise.
 */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { acceptingCounters, acceptingGauges, acceptingHistograms } from '../metric/accepting.ts';
import type { Declaration, LabelsOf } from '../metric/declaration.ts';
import { dnsCounters, dnsHistograms } from '../metric/dns.ts';
import { limitingGauges } from '../metric/limiting.ts';
import { operatingCounters, operatingGauges, operatingHistograms } from '../metric/operating.ts';
import { relayingCounters, relayingGauges } from '../metric/relaying.ts';
import { sendingCounters, sendingGauges, sendingHistograms } from '../metric/sending.ts';
import { tracingCounters } from '../metric/tracing.ts';
import { storingCounters, storingGauges, storingHistograms } from '../metric/storing.ts';

const registry = new Registry();
const registers = [registry];

export const declared = {
  counters: {
    ...acceptingCounters,
    ...sendingCounters,
    ...storingCounters,
    ...dnsCounters,
    ...tracingCounters,
    ...operatingCounters,
    ...relayingCounters,
  },
  histograms: {
    ...acceptingHistograms,
    ...sendingHistograms,
    ...storingHistograms,
    ...dnsHistograms,
    ...operatingHistograms,
  },
  gauges: {
    ...acceptingGauges,
    ...sendingGauges,
    ...limitingGauges,
    ...storingGauges,
    ...operatingGauges,
    ...relayingGauges,
  },
};

type Labelled = { readonly labels: object };

interface Counts<D extends Declaration> {
  inc(...of: D extends Labelled ? [labels: LabelsOf<D>, by?: number] : [by?: number]): void;
}

interface Observes<D extends Declaration> {
  observe(...of: D extends Labelled ? [labels: LabelsOf<D>, value: number] : [value: number]): void;
}

type Counters = { readonly [Key in keyof typeof declared.counters]: Counts<(typeof declared.counters)[Key]> };
type Histograms = { readonly [Key in keyof typeof declared.histograms]: Observes<(typeof declared.histograms)[Key]> };
type GaugeKey = keyof typeof declared.gauges;

const optionsOf = ({ name, help, labels = {} }: Declaration) => ({
  name,
  help,
  labelNames: Object.keys(labels),
  registers,
});

const made = <Key extends string>(
  declarations: Readonly<Record<Key, Declaration>>,
  make: (it: Declaration) => unknown,
): Record<Key, unknown> =>
  Object.fromEntries(Object.entries<Declaration>(declarations).map(([key, it]) => [key, make(it)])) as Record<
    Key,
    unknown
  >;

const counter = (it: Declaration) => new Counter(optionsOf(it));
const histogram = (it: Declaration) => new Histogram({ ...optionsOf(it), buckets: [...(it.buckets ?? [])] });

export const metrics = {
  ...(made(declared.counters, counter) as Counters),
  ...(made(declared.histograms, histogram) as Histograms),
  smtpConnections: new Gauge(optionsOf(declared.gauges.smtpConnections)),
  resourceProblems: new Gauge(optionsOf(declared.gauges.resourceProblems)),
};

/** Recipients since the start: accepted, and by what became of their attempts. */
export async function countsSoFar(): Promise<Readonly<Record<string, number>>> {
  const { accepted, attempts } = declared.counters;
  const counts: Record<string, number> = { accepted: 0, delivered: 0, deferred: 0, bounced: 0, expired: 0 };
  for (const { value } of await valuesOf(accepted)) counts['accepted'] = (counts['accepted'] ?? 0) + value;
  for (const { labels, value } of await valuesOf(attempts)) counts[String(labels['outcome'])] = value;
  return counts;
}

const valuesOf = async ({ name }: Declaration) => (await registry.getSingleMetric(name)?.get())?.values ?? [];

/** A number that is asked for when somebody looks. */
export function watchGauge(key: GaugeKey, read: () => number): void {
  watch(key, (gauge) => gauge.set(read()));
}

/** The same for several numbers, told apart by the gauge's one label. */
export function watchGauges(key: GaugeKey, read: () => Readonly<Record<string, number>>): void {
  const [label = ''] = optionsOf(declared.gauges[key]).labelNames;
  watch(key, (gauge) => {
    for (const [value, count] of Object.entries(read())) gauge.set({ [label]: value }, count);
  });
}

/** The same for numbers told apart by several labels, of things that come and go. */
export function watchTable(
  key: GaugeKey,
  read: () => Iterable<{ readonly labels: Readonly<Record<string, string>>; readonly value: number }>,
): void {
  watch(key, (gauge) => {
    gauge.reset();
    for (const { labels, value } of read()) gauge.set(labels, value);
  });
}

function watch(key: GaugeKey, set: (gauge: Gauge) => void): void {
  const options = optionsOf(declared.gauges[key]);
  registry.removeSingleMetric(options.name);
  const gauge: Gauge = new Gauge({ ...options, collect: () => set(gauge) });
  set(gauge);
}

/** Adds the process's own: memory, event loop, descriptors. */
export const watchProcess = (): void => collectDefaultMetrics({ register: registry });

/** The whole page in Prometheus' text format, and its content type. */
export async function metricsPage(): Promise<{ contentType: string; text: string }> {
  return { contentType: registry.contentType, text: await registry.metrics() };
}
