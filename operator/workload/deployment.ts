/**
 * The Deployments of a cluster. Pure.
 *
 * A worker that stops ends its transactions first, which may take as long as a receiver may take to answer a final dot. An ingress pod
 * that stops takes connections for some seconds more, until everybody knows that it goes, and a new one is ready before.
 */
import { type Blueprint, type Child, childMetadata, childName, type Component, selectorOf } from './child.ts';
import { CONFIG_PATH, DATA_PATH, KEYS_PATH } from './mounts.ts';
import { METRICS_PORT, type PodNeeds, podTemplate } from './pod.ts';

const DEPLOYMENT = { group: 'apps', version: 'v1', plural: 'deployments', kind: 'Deployment' } as const;

/** Seconds until every node has heard that a pod takes no new connections. */
const LINGER = 10;
/** Seconds that senders have to end what they have begun. */
const INGRESS_DRAINS = 50;
/** Seconds beyond the drain to write down what became of everything. */
const WORKER_MARGIN = 30;

export const ingressDeployment = (blueprint: Blueprint): Child => {
  const { replicas, listeners } = blueprint.cluster.spec.ingress;
  const needs: PodNeeds = {
    component: 'ingress',
    args: argumentsFor('ingress', blueprint),
    ports: listeners.map(({ name, port, containerPort = port }) => ({ name, containerPort })),
    graceSeconds: LINGER + INGRESS_DRAINS,
    lingerSeconds: LINGER,
  };
  return deployment(blueprint, needs, replicas, { maxUnavailable: 0, maxSurge: 1 });
};

export const workerDeployment = (blueprint: Blueprint): Child => {
  const { replicas, drainSeconds } = blueprint.cluster.spec.workers;
  const needs: PodNeeds = {
    component: 'worker',
    args: [...argumentsFor('worker', blueprint), '--drain-seconds', String(drainSeconds)],
    ports: [],
    graceSeconds: drainSeconds + WORKER_MARGIN,
  };
  // Shards move to workers that live: one more for a while, and one less, costs nobody anything.
  return deployment(blueprint, needs, replicas, { maxUnavailable: 1, maxSurge: 1 });
};

function argumentsFor(role: Component, { cluster: { metadata }, watchNamespaces }: Blueprint): string[] {
  const place = ['--cluster', `${metadata.namespace}/${metadata.name}`];
  const watched = watchNamespaces ? ['--watch-namespaces', watchNamespaces.join(',')] : [];
  const folders = ['--data', DATA_PATH, '--keyring', KEYS_PATH, '--mounts', CONFIG_PATH];
  return [role, ...place, ...watched, ...folders, '--metrics', `0.0.0.0:${METRICS_PORT}`];
}

function deployment(blueprint: Blueprint, needs: PodNeeds, replicas: number, rollingUpdate: object): Child {
  const { component } = needs;
  return {
    type: DEPLOYMENT,
    object: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: childMetadata(blueprint, childName(blueprint, component), component),
      spec: {
        replicas,
        selector: { matchLabels: selectorOf(blueprint, component) },
        minReadySeconds: 5,
        strategy: { type: 'RollingUpdate', rollingUpdate },
        template: podTemplate(blueprint, needs),
      },
    },
  };
}
