import { expect, test } from 'vitest';
import { DASHBOARDS } from './all.ts';
import { grafanaJson } from './dashboard.ts';

const panels = DASHBOARDS.flatMap(({ uid, rows }) =>
  rows.flatMap((row) => row.panels.map((panel) => [`${uid}: ${panel.title}`, panel] as const)),
);

test('no two dashboards share a name, and no two panels of one', () => {
  for (const names of [DASHBOARDS.map((it) => it.uid), panels.map(([name]) => name)])
    expect(new Set(names).size).toBe(names.length);
});

test.each(panels)('%s tells what it shows, and makes up nothing', (_, { description, queries }) => {
  expect(description.length).toBeGreaterThan(15);
  for (const { expr, legend } of queries) {
    expect(expr).not.toMatch(/or vector\(|absent\(/);
    expect(expr).toContain('job=~"$job",instance=~"$instance"');
    expect(legend).not.toBe('');
  }
});

test('panels of a dashboard lie side by side and below one another, and never over one another', () => {
  for (const dashboard of DASHBOARDS) {
    const read = JSON.parse(grafanaJson(dashboard)) as {
      panels: { id: number; gridPos: { x: number; y: number; w: number; h: number } }[];
    };
    const cells = read.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (__, at) => `${x + (at % w)},${y + Math.floor(at / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(read.panels.map(({ id }) => id)).toEqual(read.panels.map((__, at) => at + 1));
  }
});
