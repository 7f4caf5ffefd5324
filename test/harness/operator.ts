/**
 * A real `postfleet operator` on a real API server, let in as the account that its rights are rendered for, and no more.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Kube, KubeObject, KubeType } from '#lib/kube/kube.ts';
import { leaderRules, operatorRules, podRules } from '#operator/rights.ts';
import { BINDINGS, ROLES } from '#operator/types.ts';
import type { ControlPlane } from './control-plane.ts';
import { freePorts } from './ports.ts';
import { LAUNCHER } from './postfleet.ts';
import type { Program } from './program.ts';
import type { Stage } from './stage.ts';

/** Its account, whose name is its token too. */
export const OPERATOR = 'system:serviceaccount:postfleet:postfleet-operator';
export const OPERATOR_GROUPS = ['system:serviceaccounts', 'system:serviceaccounts:postfleet'];
export const IMAGE = 'registry.example.com/postfleet:1.0.0';

export const OPERATOR_NAMESPACE = 'postfleet';
/** As without `--pods-role`. */
export const PODS_ROLE = 'postfleet-pods';
export const NAMESPACES: KubeType = { group: '', version: 'v1', plural: 'namespaces', kind: 'Namespace' };
const RBAC = { group: 'rbac.authorization.k8s.io', version: 'v1' };
const apiVersion = 'rbac.authorization.k8s.io/v1';

export async function makeNamespace(kube: Kube, name: string): Promise<void> {
  await kube.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
}

/** Gives the operator's account its rights in all namespaces, and for its lease in its own. */
export async function grantOperator(kube: Kube): Promise<void> {
  await makeNamespace(kube, OPERATOR_NAMESPACE);
  await grantLease(kube, OPERATOR_NAMESPACE);
  const subjects = [{ kind: 'User', apiGroup: RBAC.group, name: OPERATOR }];
  const all = { name: 'postfleet-operator' };
  const roleRef = { apiGroup: RBAC.group, name: all.name };
  const clusterRole = { ...RBAC, plural: 'clusterroles', kind: 'ClusterRole' };
  const clusterBinding = { ...RBAC, plural: 'clusterrolebindings', kind: 'ClusterRoleBinding' };
  for (const [type, metadata, more] of [
    [clusterRole, all, { rules: operatorRules(PODS_ROLE) }],
    [clusterRole, { name: PODS_ROLE }, { rules: podRules() }],
    [clusterBinding, all, { subjects, roleRef: { ...roleRef, kind: 'ClusterRole' } }],
  ] as const) {
    const written = await kube.apply(type, { apiVersion, kind: type.kind, metadata, ...more }, 'test');
    if (written.kind !== 'written') throw new Error(`${type.kind}: ${JSON.stringify(written)}`);
  }
}

/** Lets the operator's account lead by a lease in another namespace too. */
export async function grantLease(kube: Kube, namespace: string): Promise<void> {
  const metadata = { name: 'postfleet-operator', namespace };
  const roleRef = { apiGroup: RBAC.group, kind: 'Role', name: metadata.name };
  const subjects = [{ kind: 'User', apiGroup: RBAC.group, name: OPERATOR }];
  await kube.apply(ROLES, { apiVersion, kind: 'Role', metadata, rules: leaderRules() }, 'test');
  await kube.apply(BINDINGS, { apiVersion, kind: 'RoleBinding', metadata, subjects, roleRef }, 'test');
}

export interface OperatorProcess {
  readonly program: Program;
  /** Where its metrics are. */
  readonly address: string;
  metrics(): Promise<string>;
  /** How many looks at resources of a kind (`sendingdomain`), or at the keyring, have ended. */
  looks(controller: string): Promise<number>;
}

/** Resolves when it runs; it may lead later, when another does now. */
export async function startOperatorProcess(
  stage: Stage,
  plane: ControlPlane,
  options: { readonly server?: string; readonly image?: string; readonly flags?: readonly string[] } = {},
): Promise<OperatorProcess> {
  const folder = stage.folder('operator');
  const [port = 0] = await freePorts(1);
  const flags = [
    '--namespace',
    OPERATOR_NAMESPACE,
    '--image',
    options.image ?? IMAGE,
    '--identity',
    folder,
    ...(options.flags ?? []),
  ];
  const program = stage.start('operator', LAUNCHER, ['operator', ...flags, '--metrics', `127.0.0.1:${port}`], {
    env: { ...process.env, KUBECONFIG: '', ...inPod(plane, folder, options.server) },
  });
  await program.says(/postfleet operator: metrics and health/);
  return running(program, port);
}

function running(program: Program, port: number): OperatorProcess {
  const metrics = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return {
    program,
    address: `127.0.0.1:${port}`,
    metrics,
    looks: async (controller) => {
      const counted = new RegExp(`^controller_runtime_reconcile_total\\{controller="${controller}".* (\\d+)$`, 'gm');
      return [...(await metrics()).matchAll(counted)].reduce((sum, [, count]) => sum + Number(count), 0);
    },
  };
}

/** What the operator's pod is given to find the API server, and to be let in; the files are in `folder`. */
function inPod(plane: ControlPlane, folder: string, server = plane.server): Readonly<Record<string, string>> {
  const files = { token: OPERATOR, 'ca.crt': plane.identity.cert, namespace: OPERATOR_NAMESPACE };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 });
  const { hostname, port } = new URL(server);
  const where = { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port };
  return { ...where, POSTFLEET_SERVICE_ACCOUNT: folder, HOME: folder, MALLOC_MMAP_THRESHOLD_: '131072' };
}

interface PodSpec {
  readonly containers: readonly {
    readonly args: readonly string[];
    readonly env: readonly { readonly name: string; readonly value?: string }[];
  }[];
}

/** An operator as a Deployment says it, on a port of its own: its arguments, its variables, and nothing beside. */
export async function startOperatorOf(
  stage: Stage,
  plane: ControlPlane,
  deployment: KubeObject,
): Promise<OperatorProcess> {
  const { template } = deployment['spec'] as { readonly template: { readonly spec: PodSpec } };
  const [{ args, env } = { args: [], env: [] }] = template.spec.containers;
  const folder = stage.folder('operator');
  const [port = 0] = await freePorts(1);
  const own = {
    ...inPod(plane, folder),
    POD_NAME: folder,
    POD_NAMESPACE: OPERATOR_NAMESPACE,
    PATH: process.env['PATH'],
  };
  const given = Object.fromEntries(env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])));
  const here = args.map((it) => it.replace('0.0.0.0:9464', `127.0.0.1:${port}`));
  const program = stage.start('operator', LAUNCHER, here, { env: { ...own, ...given } });
  await program.says(/postfleet operator: metrics and health/);
  return running(program, port);
}
