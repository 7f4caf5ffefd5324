/**
 * Tenants who try to get what is not theirs, in many ways; and namespaces that go while no operator runs.
 */
import { beforeAll, expect, test } from 'vitest';
import { typeOfKind } from '#crds/definition.ts';
import { type Kind, KINDS } from '#crds/kinds.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { CHILDREN, SECRETS } from '#operator/types.ts';
import type { Operated } from '../harness/operated.ts';
import { operatedScene } from '../harness/operated-scene.ts';
import { NAMESPACES, type OperatorProcess } from '../harness/operator.ts';
import { openScene } from '../harness/scene.ts';
import { tenantRoutes } from '../harness/tenant-routes.ts';
import { until } from '../harness/until.ts';
import { statusOf, type Zone } from '../harness/zone.ts';

const stage = openScene();
let site: Operated;
let zone: Zone;
let operator: OperatorProcess;

beforeAll(async () => {
  ({ site, zone, operator } = await operatedScene(stage, []));
}, 120_000);

test('tenants find no way to what is not theirs', async () => {
  const routes = await tenantRoutes(site, async (domain) => zone.publish(statusOf(domain)));
  const answers = await Promise.all(routes.map((it) => it.attempt()));
  const refused = answers.filter((it) => it === 'refused').length;
  await until('the operator has looked at all of them', areJudged, 60_000);
  const judged = await Promise.all(routes.map(async (it) => ((await it.isThrough()) ? [it.name] : [])));
  const through = judged.flat();
  process.stdout.write(`${routes.length} routes of tenants, ${refused} of them refused by the API server\n`);
  expect(routes.length).toBeGreaterThanOrEqual(50);
  expect(through).toEqual([]);
}, 180_000);

/** Everything that is declared has a status of its generation. */
async function areJudged(): Promise<boolean> {
  for (const kind of Object.keys(KINDS) as Kind[])
    for (const { status, metadata } of (await site.kube.list(typeOfKind(kind))).objects) {
      const { observedGeneration } = (status ?? {}) as { observedGeneration?: number };
      if (observedGeneration !== metadata.generation) return false;
    }
  return true;
}

test('namespaces go although no operator runs, and nothing of ours holds them up', async () => {
  await operator.program.stop();
  const ours = await site.kube.list(NAMESPACES);
  const names = ours.objects
    .map(({ metadata }) => metadata.name)
    .filter((it) => /^tenant-(mta|victim|[0-3])$/.test(it));
  const held: KubeObject[] = [];
  for (const type of [...(Object.keys(KINDS) as Kind[]).map(typeOfKind), ...CHILDREN, SECRETS])
    held.push(...(await site.kube.list(type)).objects.filter(({ metadata }) => metadata['finalizers'] !== undefined));
  expect(held.map(({ metadata }) => metadata.name)).toEqual([]);
  for (const name of names) await site.kube.delete({ type: NAMESPACES, name });
  site.plane.startControllerManager();
  const left = async (): Promise<string[]> =>
    (await site.kube.list(NAMESPACES)).objects.map(({ metadata }) => metadata.name).filter((it) => names.includes(it));
  await until('they are gone', async () => (await left()).length === 0, 120_000);
}, 180_000);
