/**
 * A pod with no rights but its own: the only shape in which this project makes pods. Pure.
 *
 * It fits Kubernetes' `restricted` profile. There is no word here for the host's network, processes or folders, for privileges or for
 * another image, so nothing that is declared can ask for them. What is declared of pods (`pods`) is laid around the container, and
 * cannot replace what the operator finds its pods by.
 */
import type { MTACluster } from '#crds/kinds/mta-cluster.ts';
import { type Blueprint, childName, type Component, labelsOf, selectorOf } from './child.ts';
import { DATA_VOLUME, type Mount, mountsOf } from './mounts.ts';

export interface PodNeeds {
  readonly component: Component;
  readonly args: readonly string[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  /** Seconds from the wish to stop to the end. */
  readonly graceSeconds: number;
  /** Seconds to go on as before when the pod is to stop: meanwhile everybody learns that it goes. */
  readonly lingerSeconds?: number;
}

type PodSettings = MTACluster['spec']['workers']['pods'];

/** Where metrics and health are asked for. */
export const METRICS_PORT = 9464;
const ME = 65_532;
/** Below it only root may listen, unless the pod says otherwise of its own network. */
const FIRST_FREE_PORT = 1024;

/** What a container may write to. */
const OWN = [
  { name: 'tmp', mountPath: '/tmp' },
  { name: 'data', mountPath: DATA_VOLUME },
] as const;

export function podTemplate(blueprint: Blueprint, needs: PodNeeds): object {
  const settings = settingsOf(blueprint, needs.component);
  const mounts = mountsOf(blueprint, needs.component);
  return {
    metadata: {
      labels: { ...settings?.labels, ...labelsOf(blueprint, needs.component) },
      ...(settings?.annotations && { annotations: settings.annotations }),
    },
    spec: {
      serviceAccountName: childName(blueprint, needs.component),
      terminationGracePeriodSeconds: needs.graceSeconds,
      enableServiceLinks: false,
      securityContext: podSecurity(needs),
      containers: [container(blueprint, needs, mounts)],
      volumes: [...OWN.map(({ name }) => ({ name, emptyDir: {} })), ...mounts.map(({ volume }) => volume)],
      topologySpreadConstraints: settings?.topologySpreadConstraints ?? spread(blueprint, needs.component),
      ...placing(settings),
    },
  };
}

const settingsOf = ({ cluster: { spec } }: Blueprint, component: Component): PodSettings =>
  component === 'ingress' ? spec.ingress.pods : spec.workers.pods;

/** Fields of a pod that say where it runs and with what pull secrets. */
function placing(settings: PodSettings): object {
  const { nodeSelector, tolerations, affinity, priorityClassName, imagePullSecrets } = settings ?? {};
  return {
    ...(nodeSelector && { nodeSelector }),
    ...(tolerations && { tolerations }),
    ...(affinity && { affinity }),
    ...(priorityClassName !== undefined && { priorityClassName }),
    ...(imagePullSecrets && { imagePullSecrets }),
  };
}

function podSecurity({ ports }: PodNeeds): object {
  const isLow = ports.some(({ containerPort }) => containerPort < FIRST_FREE_PORT);
  return {
    runAsNonRoot: true,
    runAsUser: ME,
    runAsGroup: ME,
    fsGroup: ME,
    seccompProfile: { type: 'RuntimeDefault' },
    // One of the safe sysctls: of the pod's own network only.
    ...(isLow && { sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }] }),
  };
}

function container(blueprint: Blueprint, needs: PodNeeds, mounts: readonly Mount[]): object {
  const probe = (path: string): object => ({ httpGet: { path, port: 'metrics' } });
  return {
    name: needs.component,
    image: blueprint.image,
    args: needs.args,
    env: [
      { name: 'POD_NAME', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } },
      { name: 'POD_NAMESPACE', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } } },
      { name: 'POD_UID', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.uid' } } },
    ],
    ports: [...needs.ports, { name: 'metrics', containerPort: METRICS_PORT }].map(({ name, containerPort }) => ({
      name,
      containerPort,
      protocol: 'TCP',
    })),
    startupProbe: { ...probe('/healthz'), periodSeconds: 2, failureThreshold: 60 },
    livenessProbe: { ...probe('/healthz'), periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 },
    readinessProbe: { ...probe('/readyz'), periodSeconds: 5, timeoutSeconds: 3 },
    ...(needs.lingerSeconds !== undefined && {
      lifecycle: { preStop: { sleep: { seconds: needs.lingerSeconds } } },
    }),
    resources: settingsOf(blueprint, needs.component)?.resources ?? {},
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    volumeMounts: [...OWN, ...mounts.map(({ name, path }) => ({ name, mountPath: path, readOnly: true }))],
  };
}

/** Over zones and nodes, as far as it goes. */
const spread = (blueprint: Blueprint, component: Component): object[] =>
  ['topology.kubernetes.io/zone', 'kubernetes.io/hostname'].map((topologyKey) => ({
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector: { matchLabels: selectorOf(blueprint, component) },
    matchLabelKeys: ['pod-template-hash'],
  }));
