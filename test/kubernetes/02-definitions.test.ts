import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { typeOfKind } from '#crds/definition.ts';
import { KINDS, type Kind } from '#crds/kinds.ts';
import { sample } from '#crds/sample.ts';
import type { Condition, StatusOf } from '#crds/statuses.ts';
import { validate } from '#crds/validate.ts';
import { ApiServer } from '#lib/kube/api-server.ts';
import type { KubeObject, KubeWritten } from '#lib/kube/kube.ts';
import { systemClock } from '#lib/run/clock.ts';
import { systemRandom } from '#lib/run/random.ts';
import { ControlPlane } from '../harness/control-plane.ts';
import { DEFINITIONS, installDefinitions } from '../harness/definitions.ts';
import { type Fields, documents } from '../harness/documents.ts';
import { openScene } from '../harness/scene.ts';

const stage = openScene();
let plane: ControlPlane;
let kube: ApiServer;

const E2E = fileURLToPath(new URL('../e2e/run.ts', import.meta.url));
const NAMESPACES = { group: '', version: 'v1', plural: 'namespaces', kind: 'Namespace' };

beforeAll(async () => {
  plane = await ControlPlane.start(stage);
  kube = new ApiServer(plane.access(), systemClock, systemRandom);
  await installDefinitions(kube);
});
afterAll(() => kube.close());

const kinds = Object.keys(KINDS) as Kind[];
const here = (kind: Kind, spec: object = {}, metadata: object = {}): KubeObject =>
  sample(kind, spec, { namespace: 'default', ...metadata }) as unknown as KubeObject;

describe('the definitions', () => {
  it('are taken without a word of doubt', async () => {
    const { objects } = await kube.list(DEFINITIONS);
    const doubts = objects.flatMap(({ metadata, status }) => {
      const { conditions = [] } = status as { conditions?: { type: string; status: string; message?: string }[] };
      return conditions
        .filter(({ type, status: is }) => type === 'NonStructuralSchema' || (type === 'NamesAccepted' && is !== 'True'))
        .map(({ message }) => `${metadata.name}: ${message}`);
    });
    expect(objects).toHaveLength(kinds.length);
    expect(doubts).toEqual([]);
  });

  it.each(kinds)('%s gets the defaults that our own validation fills in', async (kind) => {
    const made = await kube.create(typeOfKind(kind), here(kind));
    const ours = validate(sample(kind));
    expect(made).toMatchObject({ kind: 'written' });
    expect(ours).toMatchObject({ kind: 'valid' });
    expect(made.kind === 'written' && made.object['spec']).toEqual(ours.kind === 'valid' && ours.resource.spec);
  });

  it('an MTACluster is scaled as anything else: what `kubectl scale` and autoscalers read is there', async () => {
    // A part of an object is below it.
    const scale = await kube.get({ type: typeOfKind('MTACluster'), namespace: 'default', name: 'local/scale' });
    expect(scale).toMatchObject({ kind: 'Scale', spec: { replicas: 3 }, status: { replicas: 0 } });
  });
});

it('whoever would try this cluster out is told that it is in use, and nothing is made', async () => {
  const kubeconfig = join(stage.folder('in-use'), 'kubeconfig');
  writeFileSync(kubeconfig, plane.kubeconfig());
  const env = { ...process.env, POSTFLEET_E2E_KUBECONFIG: kubeconfig };
  const program = stage.start('e2e', process.execPath, [E2E], { env });
  expect(await program.ended).toMatchObject({ code: 1 });
  expect(program.stderr).toContain('it has definitions of Postfleet');
  const { objects } = await kube.list(NAMESPACES);
  expect(objects.filter(({ metadata }) => metadata.name.includes('e2e'))).toEqual([]);
});

describe('what must not change', () => {
  it.each<[Kind, object, object, string]>([
    ['MTACluster', { shards: 64 }, { shards: 65 }, 'spec.shards'],
    ['IPPool', {}, { clusterRef: { name: 'other' } }, 'spec.clusterRef'],
    ['IPPool', {}, { members: [{ name: 'one', address: '192.0.2.2' }] }, 'spec.members[0].address'],
    ['SendingDomain', {}, { domain: 'example.org' }, 'spec.domain'],
    ['SendingDomain', {}, { dkim: { selectorPrefix: 'other' } }, 'spec.dkim.selectorPrefix'],
    ['DestinationPolicy', {}, { clusterRef: { name: 'other' } }, 'spec.clusterRef'],
    ['SendingCredential', {}, { clusterRef: { name: 'other' } }, 'spec.clusterRef'],
    ['EventSink', {}, { clusterRef: { name: 'other' } }, 'spec.clusterRef'],
  ])('%s %j → %j is refused', async (kind, before, after, path) => {
    const metadata = { name: 'fixed' };
    expect(await kube.apply(typeOfKind(kind), here(kind, before, metadata), 'test')).toMatchObject({ kind: 'written' });
    const changed = await kube.apply(typeOfKind(kind), here(kind, after, metadata), 'test');
    expect(changed).toMatchObject({ kind: 'refused', code: 422 });
    expect(changed.kind === 'refused' && changed.message).toContain(`${path}: Invalid value`);
    expect(changed.kind === 'refused' && changed.message).toContain('cannot be changed: make a new resource');
  });

  it('other members of a pool may come and go', async () => {
    const members = [2, 1].map((at) => ({ name: `m${at}`, address: `192.0.2.${at}` }));
    const put = (some: object[]): Promise<KubeWritten> =>
      kube.apply(typeOfKind('IPPool'), here('IPPool', { members: some }, { name: 'changing' }), 'test');
    for (const some of [members.slice(0, 1), members, members.slice(1)])
      expect(await put(some)).toMatchObject({ kind: 'written' });
  });
});

describe('a status', () => {
  it.each(kinds)('of %s is taken by itself, and never changes with the rest', async (kind) => {
    const type = typeOfKind(kind);
    const place = { type, namespace: 'default', name: 'told' };
    await kube.apply(type, here(kind, {}, { name: 'told' }), 'test');
    const ready: Condition = {
      type: 'Ready',
      status: 'False',
      reason: 'Starting',
      message: 'wait',
      lastTransitionTime: NOW,
    };
    const status: StatusOf<Kind> = { observedGeneration: 1, conditions: [ready] };
    const told = await kube.applyStatus(
      type,
      { ...here(kind, {}, { name: 'told' }), spec: undefined, status },
      'operator',
    );
    expect(told).toMatchObject({ kind: 'written', object: { status } });
    await kube.apply(type, { ...here(kind, {}, { name: 'told' }), status: { observedGeneration: 9 } }, 'test');
    expect(await kube.get(place)).toMatchObject({ status });
  });
});

const NOW = '2026-11-22T10:00:00Z';
const WANTED = 500;
const AT_A_TIME = 16;

describe('documents made by chance', () => {
  it(`${WANTED} valid and ${WANTED} invalid ones are judged alike by the API server and by us`, async () => {
    const seed = 20_261_122;
    const piles: Record<'valid' | 'invalid', Fields[]> = { valid: [], invalid: [] };
    for (const document of fc.sample(documents(), { seed, numRuns: 4 * WANTED })) {
      const pile = piles[validate(document).kind];
      if (pile.length < WANTED) pile.push(document);
    }
    const judged = new Map<string, number>();
    const disagreed: unknown[] = [];
    const all = [...piles.valid, ...piles.invalid];
    const judge = async (): Promise<void> => {
      for (let next = all.pop(); next; next = all.pop()) {
        const ours = validate(next);
        const theirs = await kube.create(typeOfKind(next['kind'] as Kind), next as unknown as KubeObject, {
          dryRun: true,
        });
        const verdict = `${ours.kind} ${theirs.kind === 'written' ? 'valid' : theirs.kind}`;
        judged.set(verdict, (judged.get(verdict) ?? 0) + 1);
        if (verdict !== 'valid valid' && verdict !== 'invalid refused') disagreed.push({ next, ours, theirs });
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, judge));
    process.stdout.write(`seed ${seed}: ${[...judged].map(([verdict, count]) => `${verdict} ${count}`).join(', ')}\n`);
    expect(disagreed).toEqual([]);
    expect(Object.fromEntries(judged)).toEqual({ 'valid valid': WANTED, 'invalid refused': WANTED });
  });
});
