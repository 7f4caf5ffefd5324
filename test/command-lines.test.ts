/**
 * What the operator starts pods with is what the roles take: the builders of the one and the command line of the other know nothing of
 * each other but this.
 */
import { describe, expect, test } from 'vitest';
import { sample } from '#crds/sample.ts';
import { validate } from '#crds/validate.ts';
import { keyringFolder } from '#lib/keyring/surroundings.ts';
import { ROLE_FLAGS } from '#mta/roles/role-flags.ts';
import { type ClusterFlags, type ClusterSettings, readClusterSettings } from '#mta/roles/settings.ts';
import type { Blueprint } from '#operator/workload/child.ts';
import { ingressDeployment, workerDeployment } from '#operator/workload/deployment.ts';

interface Container {
  readonly args: readonly string[];
  readonly env: readonly {
    readonly name: string;
    readonly valueFrom: { readonly fieldRef: { readonly fieldPath: string } };
  }[];
  readonly volumeMounts: readonly { readonly mountPath: string; readonly readOnly?: boolean }[];
}

function blueprint(watchNamespaces?: readonly string[]): Blueprint {
  const spec = { queue: { nats: { servers: ['nats://nats:4222'] } }, workers: { drainSeconds: 120 } };
  const validated = validate(sample('MTACluster', spec, { name: 'main', namespace: 'mail' }));
  if (validated.kind === 'invalid' || validated.resource.kind !== 'MTACluster')
    throw new Error(JSON.stringify(validated));
  const watched = watchNamespaces && { watchNamespaces };
  return {
    cluster: validated.resource,
    uid: 'u',
    image: 'postfleet',
    podsRole: 'postfleet-pods',
    relayPorts: [],
    proxyLogins: [],
    ...watched,
  };
}

function containerOf(build: typeof ingressDeployment, given: Blueprint): Container {
  const { template } = build(given).object['spec'] as {
    readonly template: { readonly spec: { readonly containers: readonly Container[] } };
  };
  const [container] = template.spec.containers;
  if (!container) throw new Error('a pod has a container');
  return container;
}

/** As the command line would hand them over; throws what it would not take. */
function flagsOf([, ...args]: readonly string[]): ClusterFlags {
  const values = new Map(
    ROLE_FLAGS.flatMap(({ flag, standard }) => (standard === undefined ? [] : [[flag, standard]])),
  );
  for (let at = 0; at < args.length; at += 2) {
    const known = ROLE_FLAGS.find(({ flag }) => flag.startsWith(`${args[at]} <`));
    if (!known) throw new Error(`unknown: ${args[at]}`);
    values.set(known.flag, args[at + 1] ?? '');
  }
  for (const { flag, isRequired } of ROLE_FLAGS)
    if (isRequired && !values.has(flag)) throw new Error(`missing: ${flag}`);
  const named = [...values].map(([flag, value]) => [nameOf(flag), value]);
  return Object.fromEntries(named) as ClusterFlags;
}

const nameOf = (flag: string): string =>
  (flag.split(' ')[0] ?? '').slice(2).replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

const POD = { 'metadata.name': 'main-1', 'metadata.namespace': 'mail', 'metadata.uid': 'uid-1' } as const;
const environmentOf = ({ env }: Container): Record<string, string> =>
  Object.fromEntries(env.map(({ name, valueFrom }) => [name, POD[valueFrom.fieldRef.fieldPath as keyof typeof POD]]));

const settingsOf = (container: Container): ClusterSettings =>
  readClusterSettings(flagsOf(container.args), environmentOf(container));

describe.each([
  ['ingress', ingressDeployment],
  ['worker', workerDeployment],
] as const)('a pod of %s', (role, build) => {
  const container = containerOf(build, blueprint());

  test('is started with what the role takes', () => {
    expect(container.args[0]).toBe(role);
    expect(settingsOf(container)).toMatchObject({
      kubernetes: { cluster: 'mail/main', pod: { namespace: 'mail', name: 'main-1', uid: 'uid-1' } },
      metrics: { host: '0.0.0.0', port: 9464 },
    });
  });

  test('reads what is mounted, and writes where it may', () => {
    const { keyring, data } = settingsOf(container);
    const places = (isReadOnly: boolean): string[] =>
      container.volumeMounts.filter(({ readOnly = false }) => readOnly === isReadOnly).map((it) => it.mountPath);
    expect(places(true)).toContain(keyringFolder(keyring));
    expect(places(false).some((it) => data.startsWith(`${it}/`))).toBe(true);
  });

  test('reads the namespaces that the operator carries out', () => {
    const { kubernetes } = settingsOf(containerOf(build, blueprint(['mail', 'shop'])));
    expect(kubernetes?.namespaces).toEqual(['mail', 'shop']);
  });
});

test('a worker waits as long as its MTACluster says', () => {
  expect(settingsOf(containerOf(workerDeployment, blueprint())).drain).toBe(120_000);
});
