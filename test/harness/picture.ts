/**
 * A dashboard as a picture: what Prometheus answered to each of its queries, drawn where Grafana puts its panels.
 *
 * Apache ECharts draws; there is no browser and no Grafana in it. The same answers give the same picture.
 */
import { init } from 'echarts';
import type { Dashboard, Panel } from '#helm/dashboards/dashboard.ts';
import type { Series } from './prometheus.ts';

/** What Prometheus answered to a query of a panel. */
export type Answers = (panel: Panel, query: number) => readonly Series[];

const ACROSS = 3;
const [WIDTH, HEIGHT, HEADING] = [420, 260, 40];
const TITLE = { fontSize: 13, fontWeight: 'bold' as const };

/** SVG. `seconds`: how far back it goes. */
export function drawDashboard({ title, rows }: Dashboard, seconds: number, answers: Answers): string {
  const panels = rows.flatMap((it) => it.panels);
  const height = HEADING + Math.ceil(panels.length / ACROSS) * HEIGHT;
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: ACROSS * WIDTH, height });
  const places = panels.map((_, at) => ({ x: (at % ACROSS) * WIDTH, y: HEADING + Math.floor(at / ACROSS) * HEIGHT }));
  const lines = panels.map((panel) => panel.queries.flatMap((_, query) => linesOf(panel, query, seconds, answers)));
  chart.setOption({
    animation: false,
    backgroundColor: '#fff',
    title: [
      { text: title, left: 8, top: 8 },
      ...panels.map((it, at) => ({
        text: it.title,
        left: given(places, at).x + 8,
        top: given(places, at).y,
        textStyle: TITLE,
      })),
    ],
    legend: panels.map((_, at) => legendOf(lines[at] ?? [], given(places, at))),
    grid: places.map(({ x, y }) => ({ left: x + 60, top: y + 28, width: WIDTH - 80, height: HEIGHT - 100 })),
    xAxis: places.map((_, at) => ({
      type: 'value',
      gridIndex: at,
      min: -seconds,
      max: 0,
      axisLabel: { formatter: '{value} s' },
    })),
    yAxis: panels.map(({ unit }, at) => ({
      type: 'value',
      gridIndex: at,
      min: 0,
      splitNumber: 4,
      axisLabel: { formatter: (value: number) => inUnit(value, unit) },
    })),
    series: lines.flatMap((all, at) => all.map((it) => ({ ...it, xAxisIndex: at, yAxisIndex: at }))),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return `${svg}\n`;
}

const given = <Value>(values: readonly Value[], at: number): Value => {
  const value = values[at];
  if (value === undefined) throw new RangeError(`${at}`);
  return value;
};

interface Line {
  readonly name: string;
  readonly type: 'line';
}

type Points = Series['points'];

/** Lines are laid on one another second by second: each needs all of them. */
function whole(points: Points, seconds: number): Points {
  const at = new Map(points);
  return Array.from({ length: seconds + 1 }, (_, index) => [index - seconds, at.get(index - seconds) ?? 0]);
}

const linesOf = (panel: Panel, query: number, seconds: number, answers: Answers): Line[] =>
  answers(panel, query).map(({ labels, points }, at) => ({
    id: `${panel.title} ${query} ${at}`,
    name: (panel.queries[query]?.legend ?? '').replaceAll(/\{\{(\w+)\}\}/g, (_, label: string) => labels[label] ?? ''),
    type: 'line',
    showSymbol: false,
    lineStyle: { width: 1.2 },
    data: panel.isStacked === true ? whole(points, seconds) : points,
    stack: panel.isStacked === true ? panel.title : undefined,
    areaStyle: panel.isStacked === true ? { opacity: 0.3 } : undefined,
  }));

const legendOf = (lines: readonly Line[], { x, y }: { readonly x: number; readonly y: number }): object => ({
  type: 'plain',
  left: x + 12,
  top: y + HEIGHT - 52,
  width: WIDTH - 24,
  height: 44,
  itemGap: 16,
  itemWidth: 12,
  itemHeight: 8,
  textStyle: { fontSize: 10 },
  data: lines.slice(0, MOST_NAMED).map(({ name }) => name),
});

/** There is room for no more. */
const MOST_NAMED = 8;

const STEPS = [
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
] as const;

function inUnit(value: number, unit: Panel['unit']): string {
  if (unit === 'percentunit') return `${round(value * 100)} %`;
  if (unit === 's' && value > 0 && value < 1) return `${round(value * 1000)} ms`;
  const [factor, letter] = STEPS.find(([it]) => value >= it) ?? [1, ''];
  return `${round(value / factor)} ${letter}${suffixOf(unit)}`.trim();
}

const round = (value: number): number => Number(value.toPrecision(3));

const suffixOf = (unit: Panel['unit']): string =>
  unit.startsWith('suffix:')
    ? unit.slice('suffix: '.length)
    : (({ s: 's', bytes: 'B', Bps: 'B/s' } as Readonly<Record<string, string>>)[unit] ?? '');
