/**
 * Dashboards as we say them, and as Grafana reads them. Pure.
 *
 * A dashboard is rows of panels, a panel is queries. Where Grafana puts things, and all that is the same everywhere, is said here once.
 */

export interface Query {
  /** PromQL; `$job`, `$instance` and `$__rate_interval` are Grafana's to fill. */
  readonly expr: string;
  /** Name of its series: `{{provider}}`. */
  readonly legend: string;
}

export interface Panel {
  readonly title: string;
  /** What it tells, and when to worry. */
  readonly description: string;
  /** One of Grafana's: `s`, `bytes`, `short`, `percentunit`, or a rate's own words. */
  readonly unit: 's' | 'bytes' | 'Bps' | 'short' | 'percentunit' | `suffix:${string}`;
  /** Series add up to something: one above the other. */
  readonly isStacked?: boolean;
  readonly queries: readonly Query[];
}

export interface Dashboard {
  /** Name of its file, and in links. */
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  /** The metrics whose jobs and instances may be chosen. */
  readonly chosenBy: readonly string[];
  readonly rows: readonly { readonly title: string; readonly panels: readonly Panel[] }[];
}

/** Grafana's grid has 24 columns. */
const ACROSS = 3;
const WIDTH = 24 / ACROSS;
const HEIGHT = 8;
const SOURCE = { type: 'prometheus', uid: '${datasource}' };

/** The text of a file that Grafana imports as it is: of its version 10 or later. */
export const grafanaJson = (dashboard: Dashboard): string => `${JSON.stringify(grafana(dashboard), null, 2)}\n`;

const grafana = ({ uid, title, description, chosenBy, rows }: Dashboard): object => ({
  uid,
  title,
  description,
  tags: ['postfleet'],
  schemaVersion: 39,
  editable: true,
  graphTooltip: 1,
  refresh: '30s',
  time: { from: 'now-3h', to: 'now' },
  links: [{ type: 'dashboards', tags: ['postfleet'], title: 'Postfleet', asDropdown: true, keepTime: true }],
  templating: {
    list: [
      sourceVariable,
      variable('job', seriesOf(chosenBy)),
      variable('instance', seriesOf(chosenBy, ',job=~"$job"')),
    ],
  },
  panels: panelsOf(rows),
});

const seriesOf = (names: readonly string[], more = ''): string => `{__name__=~"${names.join('|')}"${more}}`;

const sourceVariable = { name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus' };

const variable = (name: string, of: string): object => ({
  name,
  type: 'query',
  datasource: SOURCE,
  query: { query: `label_values(${of}, ${name})`, refId: name },
  refresh: 2,
  multi: true,
  includeAll: true,
  allValue: '.*',
  current: { selected: true, text: ['All'], value: ['$__all'] },
});

function panelsOf(rows: Dashboard['rows']): object[] {
  const placed: object[] = [];
  let top = 0;
  for (const { title, panels } of rows) {
    placed.push({ id: placed.length + 1, type: 'row', title, collapsed: false, panels: [], gridPos: row(top) });
    top += 1;
    for (const [at, panel] of panels.entries()) {
      const y = top + Math.floor(at / ACROSS) * HEIGHT;
      placed.push(graph(panel, placed.length + 1, { x: (at % ACROSS) * WIDTH, y, w: WIDTH, h: HEIGHT }));
    }
    top += Math.ceil(panels.length / ACROSS) * HEIGHT;
  }
  return placed;
}

const row = (y: number): object => ({ x: 0, y, w: 24, h: 1 });

const graph = (
  { title, description, unit, isStacked = false, queries }: Panel,
  id: number,
  gridPos: object,
): object => ({
  id,
  type: 'timeseries',
  title,
  description,
  gridPos,
  datasource: SOURCE,
  targets: queries.map(({ expr, legend }, at) => ({
    refId: String.fromCodePoint(65 + at),
    datasource: SOURCE,
    expr,
    legendFormat: legend,
    range: true,
  })),
  fieldConfig: {
    defaults: {
      unit,
      min: 0,
      custom: {
        lineWidth: 1,
        fillOpacity: isStacked ? 30 : 5,
        showPoints: 'never',
        stacking: { mode: isStacked ? 'normal' : 'none', group: 'A' },
      },
    },
    overrides: [],
  },
  options: {
    legend: { displayMode: 'list', placement: 'bottom', showLegend: true },
    tooltip: { mode: 'multi', sort: 'desc' },
  },
});
