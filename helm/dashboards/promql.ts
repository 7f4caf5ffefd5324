/**
 * PromQL over declared metrics: what is not declared in `lib/metric/` cannot be asked for. Pure.
 */
import type { Declaration, LabelsOf } from '#lib/metric/declaration.ts';

/** Labels and the values that count; several with bars between. */
type Chosen<D extends Declaration> = Partial<Record<Extract<keyof LabelsOf<D>, string>, string>>;

type Grouped<D extends Declaration> = readonly Extract<keyof LabelsOf<D>, string>[];

/** The metric of the processes that are looked at. */
export function metric<D extends Declaration>({ name }: D, chosen: Chosen<D> = {}): string {
  return ofProcess(name, chosen);
}

/** The same by its name: what prom-client measures of the process. */
export function ofProcess(name: string, chosen: Readonly<Record<string, string | undefined>> = {}): string {
  const own = Object.entries(chosen).map(([label, value]) => `,${label}=~"${value}"`);
  return `${name}{job=~"$job",instance=~"$instance"${own.join('')}}`;
}

/** A second, over all processes. */
export const perSecond = <D extends Declaration>(it: D, by: Grouped<D> = [], chosen: Chosen<D> = {}): string =>
  `sum${grouped(by)}(rate(${metric(it, chosen)}[$__rate_interval]))`;

/** Of processes that say the same: what one of them says. */
export const same = <D extends Declaration>(it: D, by: Grouped<D>, chosen: Chosen<D> = {}): string =>
  `max${grouped(by)}(${metric(it, chosen)})`;

/** So much of all, by what comes before it. */
export const shareOf = (part: string, all: string): string => `${part} / ${all}`;

/** Below it are so many of a histogram's. */
export const quantile = <D extends Declaration>(of: number, it: D, by: Grouped<D> = []): string => {
  const buckets = ofProcess(`${it.name}_bucket`);
  return `histogram_quantile(${of}, sum${grouped([...by, 'le'])}(rate(${buckets}[$__rate_interval])))`;
};

const grouped = (by: readonly string[]): string => (by.length === 0 ? '' : ` by (${by.join(', ')}) `);
