import { expect, test } from 'vitest';
import { metrics } from '#lib/run/metrics.ts';
import { asked } from '../../test/harness/asked.ts';
import { healthRoutes, type Readiness } from './health.ts';

const ask = async (path: string, readiness: Readiness = () => []) => {
  const route = healthRoutes(readiness).find((it) => it.path === path);
  if (!route) throw new Error(`no route ${path}`);
  return route.handle(asked({}));
};

test('a process that answers is alive, ready or not', async () => {
  const answer = await ask('/healthz', () => [{ part: 'queue', ready: false }]);
  expect([answer.status, JSON.parse(answer.body)]).toEqual([200, { alive: true }]);
});

test.each([
  ['all parts are', [true, true], 200],
  ['one is not', [true, false], 503],
  ['there are none', [], 200],
])('it is ready when its parts are: %s', async (_, parts, status) => {
  const listed = parts.map((ready, at) => ({ part: `part ${at}`, ready, ...(ready ? {} : { reason: 'disk full' }) }));
  const answer = await ask('/readyz', () => listed);
  expect(answer.status).toBe(status);
  expect(JSON.parse(answer.body)).toEqual({ ready: status === 200, parts: listed });
});

test('metrics come in the text format of Prometheus', async () => {
  metrics.refused.inc({ check: 'header' });
  const answer = await ask('/metrics');
  expect(answer.contentType).toMatch(/^text\/plain; version=0\.0\.4/);
  expect(answer.body).toMatch(/^postfleet_refused_total\{check="header"\} \d+$/m);
});
