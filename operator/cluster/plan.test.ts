import { describe, expect, test } from 'vitest';
import { sample } from '#crds/sample.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import type { Child } from '../workload/child.ts';
import { type ClusterView, planCluster } from './plan.ts';

const SPEC = { queue: { nats: { servers: ['nats://nats:4222'] } } };
const clusterOf = (spec: object): KubeObject => {
  const { metadata, ...rest } = sample('MTACluster', spec, { namespace: 'mail', name: 'main' });
  return { ...rest, metadata: { ...metadata, name: 'main', namespace: 'mail', uid: 'u', generation: 3 } };
};

function view(more: Partial<ClusterView> = {}): ClusterView {
  const given = {
    observed: clusterOf(SPEC),
    owned: [],
    relayPorts: [],
    proxyLogins: [],
    keyring: { whole: 0, pods: 0 },
    queue: { pods: 0, durability: 'Unknown', doubt: '', ownedShards: 0 } as const,
    image: 'postfleet:1',
    podsRole: 'postfleet-pods',
    now: Date.UTC(2026, 5, 1),
  };
  return { ...given, ...more };
}

/** What was wanted, as the server has it once it was made. */
const made = (more: Partial<ClusterView> = {}): Child[] =>
  planCluster(view(more)).wanted.map(({ type, object }) => ({
    type,
    object: { ...object, metadata: { ...object.metadata, generation: 1 } },
  }));

/** The same, with all pods of these components running. */
const running = (owned: readonly Child[], ...names: string[]): Child[] =>
  owned.map(({ type, object }) => {
    const { replicas = 0 } = (object['spec'] ?? {}) as { replicas?: number };
    const counts = { replicas, updatedReplicas: replicas, availableReplicas: replicas, readyReplicas: replicas };
    return names.includes(`${type.kind} ${object.metadata.name}`)
      ? { type, object: { ...object, status: { observedGeneration: 1, ...counts } } }
      : { type, object };
  });

const [WORKERS, INGRESS] = ['Deployment main-worker', 'Deployment main-ingress'];
const namesOf = (children: readonly Child[]): string[] =>
  children.map(({ type, object }) => `${type.kind} ${object.metadata.name}`);
const readyOf = (given: ClusterView, refused: string[] = []): string[] =>
  planCluster(given)
    .status(refused)
    .conditions.map(({ type, status, reason }) => `${type}=${status} ${reason}`);

describe('a plan for an MTACluster', () => {
  test('holds ingress back until all workers run the new image', () => {
    const old = running(made(), WORKERS, INGRESS);
    expect(namesOf(planCluster(view({ owned: old, image: 'postfleet:2' })).wanted)).not.toContain(INGRESS);
    const rolling = [...made({ image: 'postfleet:2' }).filter((it) => namesOf([it])[0] === WORKERS), ...old].filter(
      (it, at, all) => namesOf(all).indexOf(namesOf([it])[0] ?? '') === at,
    );
    expect(namesOf(planCluster(view({ owned: rolling, image: 'postfleet:2' })).wanted)).not.toContain(INGRESS);
    const rolled = running(rolling, WORKERS);
    expect(namesOf(planCluster(view({ owned: rolled, image: 'postfleet:2' })).wanted)).toContain(INGRESS);
  });

  test('removes what is no part of it any more, and nothing while it cannot be built', () => {
    const owned = made();
    const single = clusterOf({ ...SPEC, ingress: { replicas: 1 } });
    expect(namesOf(planCluster(view({ owned, observed: single })).obsolete)).toEqual([
      'PodDisruptionBudget main-ingress',
    ]);
    const broken = planCluster(view({ owned, observed: clusterOf({ queue: {} }) }));
    expect([broken.wanted, broken.obsolete]).toEqual([[], []]);
  });

  test.each<[whole: number, pods: number, condition: string]>([
    [0, 0, 'KeyringCurrent=Unknown NoPods'],
    [2, 3, 'KeyringCurrent=False Loading'],
    [3, 3, 'KeyringCurrent=True Loaded'],
  ])('says of the keyring that %d of %d pods have it', (whole, pods, condition) => {
    expect(readyOf(view({ keyring: { whole, pods } }))).toContain(condition);
  });

  test('lets pods read all namespaces, or those that are watched, and not both', () => {
    const bindings = (given: ClusterView): string[] =>
      namesOf(planCluster(given).wanted).filter((it) => it.includes(':'));
    expect(bindings(view())).toEqual(['ClusterRoleBinding postfleet:mail:main']);
    const watched = view({ watchNamespaces: ['mail', 'shop'] });
    expect(bindings(watched)).toEqual(['Role postfleet:mail:main', 'RoleBinding postfleet:mail:main']);
    expect(planCluster(watched).wanted.map(({ object }) => object.metadata.namespace)).toContain('shop');
    const wide = made().find(({ type }) => type.kind === 'ClusterRoleBinding');
    expect(namesOf(planCluster({ ...watched, owned: wide ? [wide] : [] }).obsolete)).toEqual([
      'ClusterRoleBinding postfleet:mail:main',
    ]);
  });

  test.each<[sentence: string, given: ClusterView, refused: string[], conditions: string[]]>([
    ['nothing runs yet', view(), [], ['Ready=False RollingOut', 'Reconciling=True RollingOut']],
    ['all pods are ready', view({ owned: running(made(), WORKERS, INGRESS) }), [], ['Ready=True Ready']],
    [
      'workers are not',
      view({ owned: running(made(), INGRESS) }),
      [],
      ['Ready=False RollingOut', 'Reconciling=True RollingOut'],
    ],
    ['something was refused', view(), ['no'], ['Ready=False Refused', 'Stalled=True Refused']],
    [
      'it has no queue that pods can share',
      view({ observed: clusterOf({ queue: {} }) }),
      [],
      ['Ready=False SpecInvalid', 'Stalled=True SpecInvalid'],
    ],
    [
      'it is not valid',
      view({ observed: clusterOf({ shards: 'many' }) }),
      [],
      ['Ready=False SpecInvalid', 'Stalled=True SpecInvalid'],
    ],
  ])('says how it is when %s', (_, given, refused, conditions) => {
    expect(readyOf(given, refused).filter((it) => /^(Ready|Reconciling|Stalled)=/.test(it))).toEqual(conditions);
  });
});
