/**
 * Every metric by its declaration: names as Prometheus wants them, labels that nobody outside can fill, and the pages
 * for people and for Prometheus that are written from it.
 */
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import type { Alert, Declaration, Label } from '#lib/metric/declaration.ts';
import { processAlerts } from '#lib/metric/running.ts';
import { declared, metricsPage, watchProcess } from '#lib/run/metrics.ts';
import { PROVIDER_NAMES } from '#mta/mail/provider.ts';

const TYPES = { counters: 'counter', histograms: 'histogram', gauges: 'gauge' } as const;

const all: readonly (Declaration & { readonly type: string })[] = Object.entries(TYPES).flatMap(([kind, type]) =>
  Object.values<Declaration>(declared[kind as keyof typeof TYPES]).map((it) => Object.assign({ type }, it)),
);
const alerts = [...all.map((it) => it.alert), ...Object.values(processAlerts)].filter((it) => 'when' in it);

/** Labels whose values are not all listed. */
const openLabels = all.flatMap(({ name, labels = {} }) =>
  Object.entries(labels).flatMap(([label, it]) => ('from' in it ? [`${name} ${label}`] : [])),
);

test.each(all.map((it) => [it.name, it] as const))('%s is named as Prometheus wants it', (name, { type, unit }) => {
  expect(name).toMatch(/^(postfleet|controller_runtime|workqueue|leader_election)_[a-z]+(_[a-z]+)*$/);
  expect(name.endsWith('_total')).toBe(type === 'counter');
  for (const base of ['seconds', 'bytes']) expect(name.includes(`_${base}`)).toBe(unit === base);
  expect(name).not.toMatch(/_(milliseconds|ms|minutes|kilobytes|mb|percent)(_|$)/);
});

test('no metric is declared twice, and no alert', () => {
  for (const names of [all.map((it) => it.name), alerts.map((it) => it.name)])
    expect(names).toHaveLength(new Set(names).size);
});

// Whoever adds one says here why nobody outside can add values.
test('labels whose values are not all listed come from the configuration or from Postfleet itself', () => {
  expect(openLabels.toSorted((a, b) => a.localeCompare(b))).toEqual([
    // Of those that the owner of a cluster accepts.
    'postfleet_pool_available_members pool',
    'postfleet_pool_members pool',
    'postfleet_provider_attempts_total provider',
    'postfleet_smtp_connections listener',
    'postfleet_smtp_replies_total code',
    'postfleet_smtp_replies_total listener',
    'postfleet_smtp_turned_away_total listener',
    'postfleet_source_attempts_total source',
    'postfleet_tenant_accepted_total tenant',
    'postfleet_tenant_attempts_total tenant',
  ]);
  const { provider } = declared.counters.attemptsByProvider.labels;
  expect(PROVIDER_NAMES.length + 1).toBeLessThanOrEqual(provider.most);
});

test('an alert asks for metrics that are there, and says why', () => {
  const known = new Set([...all.map((it) => it.name), ...Object.keys(processAlerts), 'process_max_fds']);
  for (const { name, when, why } of alerts) {
    const asked = [
      ...when.matchAll(/\b(?:postfleet|nodejs|process|controller_runtime|workqueue|leader_election)_[a-z0-9_]+/g),
    ].map(([it]) => it);
    expect([name, asked.length > 0, asked.filter((it) => !known.has(it.replace(/_bucket$/, '')))]).toEqual([
      name,
      true,
      [],
    ]);
    expect([name, why.length > 80]).toEqual([name, true]);
    for (const [, metric = '', label = '', values = ''] of when.matchAll(/(\w+)\{(\w+)=~?"([^"]+)"/g))
      expect([name, metric, label, unknownIn(metric, label, values)]).toEqual([name, metric, label, []]);
  }
});

/** Values an alert asks for that the label does not have. */
function unknownIn(metric: string, label: string, values: string): string[] {
  const known = all.find((it) => it.name === metric)?.labels?.[label];
  return known && 'values' in known ? values.split('|').filter((it) => !(it in known.values)) : [];
}

test('docs/reference/metrics.md says what is declared (`npx vitest run --project unit test/metrics.test.ts -u` writes it)', async () => {
  const page = [
    '# Metrics',
    'Made from `lib/metric/`. `GET /metrics` at the address of `--metrics` (127.0.0.1:9464) answers in the text format of Prometheus.',
    'No label ever holds an address, a recipient’s domain or an id: how many series there are does not depend on the mail. The alerts below are in [alerts.yaml](alerts.yaml), which Prometheus takes as it is (`rule_files`). *page*: somebody is woken; *ticket*: somebody looks by day. That a process does not answer at all is `up == 0`, which Prometheus knows by itself.',
    '## Alerts',
    [
      '| alert | severity | lasts |',
      '|---|---|---|',
      ...alerts.map((it) => `| [${it.name}](#${anchorOf(it)}) | ${it.severity} | ${it.lasts} |`),
    ].join('\n'),
    ...all.map(sectionOf),
    '## Of the process',
    'Measured by prom-client. First those that have an alert, or a reason for none; then all of them.',
    ...Object.entries(processAlerts).map(([name, alert]) => `### ${name}\n\n${alertText(alert)}`),
    ['| metric | type | meaning |', '|---|---|---|', ...(await ofTheProcess())].join('\n'),
  ];
  await expect(`${page.join('\n\n')}\n`).toMatchFileSnapshot('../docs/reference/metrics.md');
});

test('docs/reference/alerts.yaml has the alerts as Prometheus reads them', async () => {
  const rules = alerts.map(({ name, when, lasts, severity, why }) => ({
    alert: name,
    expr: when,
    for: lasts,
    labels: { severity },
    annotations: { description: why },
  }));
  const file = stringify({ groups: [{ name: 'postfleet', rules }] }, { lineWidth: 0 });
  await expect(
    `# Made from lib/metric/; docs/reference/metrics.md says the same for people.\n${file}`,
  ).toMatchFileSnapshot('../docs/reference/alerts.yaml');
});

const anchorOf = (alert: Alert): string =>
  all.find((it) => it.alert === alert)?.name ?? Object.entries(processAlerts).find(([, it]) => it === alert)?.[0] ?? '';

const sectionOf = ({ name, type, unit, help, labels = {}, buckets, alert }: (typeof all)[number]): string =>
  [
    `## ${name}`,
    `${help} *${type}, ${unit}*`,
    ...Object.entries(labels).map(([label, it]) => labelText(label, it)),
    ...(buckets ? [`Buckets: ${buckets.join(', ')}.`] : []),
    alertText(alert),
  ].join('\n\n');

const labelText = (name: string, label: Label): string =>
  'from' in label
    ? `\`${name}\`: ${label.from}; ${label.most} at most.`
    : [
        `| \`${name}\` | |`,
        '|---|---|',
        ...Object.entries(label.values).map(([it, meaning]) => `| \`${it}\` | ${meaning} |`),
      ].join('\n');

const alertText = (alert: Alert): string =>
  'none' in alert
    ? `No alert: ${alert.none}`
    : `**${alert.name}** (${alert.severity}), when for ${alert.lasts}:\n\n\`\`\`promql\n${alert.when}\n\`\`\`\n\n${alert.why}`;

/** By what the library says of them. */
async function ofTheProcess(): Promise<string[]> {
  watchProcess();
  const { text } = await metricsPage();
  const types = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type]));
  const ours = new Set(all.map((it) => it.name));
  return [...text.matchAll(/^# HELP (\S+) (.*)$/gm)]
    .filter(([, name = '']) => !ours.has(name))
    .map(([, name = '', help = '']) => `| ${name} | ${types.get(name)} | ${help} |`);
}
