/**
 * What an `MTACluster` becomes, as golden files (`npx vitest run --project unit operator/workload -u` writes them), and what no
 * `MTACluster` can become.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { sample } from '#crds/sample.ts';
import { validate } from '#crds/validate.ts';
import { accounts } from './account.ts';
import type { Blueprint, Child } from './child.ts';
import { ingressDeployment, workerDeployment } from './deployment.ts';
import { networkPolicies } from './network.ts';
import { readers } from './readers.ts';
import { disruptionBudgets, ingressService } from './service.ts';
import { workload } from './workload.ts';

const SMALL = { queue: { nats: { servers: ['nats://nats:4222'] } } };

const LARGE = {
  ingress: {
    replicas: 4,
    listeners: [
      {
        name: 'submission',
        protocol: 'SMTP',
        port: 587,
        tls: { certificateRefs: [{ name: 'cert' }, { name: 'old-cert' }] },
      },
      {
        name: 'submissions',
        protocol: 'SMTPS',
        port: 465,
        containerPort: 2465,
        tls: { certificateRefs: [{ name: 'cert' }] },
      },
      { name: 'api', protocol: 'HTTP', port: 80, containerPort: 8080 },
    ],
    service: {
      type: 'LoadBalancer',
      annotations: { 'example.com/pool': 'public' },
      loadBalancerClass: 'example.com/lb',
      externalTrafficPolicy: 'Local',
    },
    pods: { labels: { team: 'mail', 'app.kubernetes.io/name': 'mine' }, annotations: { 'example.com/note': 'ours' } },
  },
  workers: {
    replicas: 6,
    pods: {
      resources: { requests: { cpu: '500m', memory: '512Mi' }, limits: { memory: '1Gi' } },
      nodeSelector: { pool: 'mail' },
      tolerations: [{ key: 'mail', operator: 'Exists' }],
      affinity: { podAntiAffinity: {} },
      topologySpreadConstraints: [],
      priorityClassName: 'mail',
      imagePullSecrets: [{ name: 'pull' }],
    },
  },
  queue: {
    nats: {
      servers: ['tls://nats-1:4333', 'tls://nats-2'],
      credentialsRef: { name: 'nats', key: 'creds' },
      caRef: { name: 'nats', key: 'ca.crt' },
    },
  },
  limits: { redis: { url: 'rediss://redis', passwordRef: { name: 'redis', key: 'password' } } },
  egress: { authRef: { name: 'proxies', key: 'password' } },
};

function blueprint(
  spec: object,
  relayPorts: readonly number[] = [],
  proxyLogins: Blueprint['proxyLogins'] = [],
): Blueprint {
  const validated = validate(sample('MTACluster', spec, { name: 'main', namespace: 'mail' }));
  if (validated.kind === 'invalid' || validated.resource.kind !== 'MTACluster')
    throw new Error(JSON.stringify(validated));
  return {
    cluster: validated.resource,
    uid: 'b0a7',
    image: 'registry.example.com/postfleet:1.0.0',
    podsRole: 'postfleet-pods',
    relayPorts,
    proxyLogins,
  };
}

const WORLDS: Readonly<Record<string, Blueprint>> = {
  small: blueprint(SMALL),
  large: { ...blueprint(LARGE, [1080, 2525]), podsRoleUid: '401e' },
};

const BUILDERS: Readonly<Record<string, (it: Blueprint) => Child | Child[]>> = {
  ingress: ingressDeployment,
  worker: workerDeployment,
  service: ingressService,
  budgets: disruptionBudgets,
  network: networkPolicies,
  accounts,
  readers,
};

test.each(Object.keys(BUILDERS).flatMap((what) => Object.keys(WORLDS).map((world) => [what, world] as const)))(
  'the %s of a %s cluster',
  async (what, world) => {
    const given = WORLDS[world];
    const built = given ? BUILDERS[what]?.(given) : undefined;
    const documents = [built ?? []]
      .flat()
      .map(({ object }) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false }));
    await expect(`# Made from operator/workload/.\n${documents.join('---\n')}`).toMatchFileSnapshot(
      `golden/${what}-${world}.yaml`,
    );
  },
);

interface Pod {
  readonly metadata: { readonly labels: Record<string, string> };
  readonly spec: {
    readonly containers: readonly { readonly image: string; readonly securityContext: object }[];
    readonly volumes: readonly object[];
    readonly [field: string]: unknown;
  };
}

const podsOf = (given: Blueprint): Pod[] =>
  [ingressDeployment(given), workerDeployment(given)].map(
    ({ object }) => (object['spec'] as { readonly template: Pod }).template,
  );

describe('no MTACluster', () => {
  const word = fc.stringMatching(/^[a-z]{1,12}$/);
  const anything = fc.dictionary(
    fc.oneof(word, fc.constantFrom('hostNetwork', 'privileged', 'image', 'hostPath', 'securityContext', 'containers')),
    fc.oneof(fc.constantFrom<unknown>(true, 'host', { path: '/' }), word),
    { maxKeys: 4 },
  );
  const pods = fc.record(
    {
      resources: anything,
      nodeSelector: fc.dictionary(word, word),
      tolerations: fc.array(anything, { maxLength: 3 }),
      affinity: anything,
      topologySpreadConstraints: fc.array(anything, { maxLength: 3 }),
      priorityClassName: word,
      labels: fc.dictionary(fc.oneof(word, fc.constant('app.kubernetes.io/instance')), word),
      annotations: fc.dictionary(word, word),
    },
    { requiredKeys: [] },
  );

  test('makes pods with rights, of another image, or pods that are not found again', () => {
    fc.assert(
      fc.property(pods, (settings) => {
        const given = blueprint({ ...SMALL, ingress: { pods: settings }, workers: { pods: settings } });
        for (const { metadata, spec } of podsOf(given)) {
          expect(metadata.labels['app.kubernetes.io/instance']).toBe('main');
          expect(Object.keys(spec).filter((it) => !FIELDS.has(it))).toEqual([]);
          expect(spec.containers.map(({ image }) => image)).toEqual(['registry.example.com/postfleet:1.0.0']);
          for (const volume of spec.volumes)
            expect(Object.keys(volume).filter((it) => !['name', 'emptyDir', 'projected'].includes(it))).toEqual([]);
          for (const { securityContext } of spec.containers)
            expect(securityContext).toEqual({
              allowPrivilegeEscalation: false,
              readOnlyRootFilesystem: true,
              capabilities: { drop: ['ALL'] },
            });
        }
      }),
      { numRuns: 100 },
    );
  });
});

/** Fields of a pod that give no rights. */
const FIELDS = new Set([
  'serviceAccountName',
  'terminationGracePeriodSeconds',
  'enableServiceLinks',
  'securityContext',
  'containers',
  'volumes',
  'topologySpreadConstraints',
  'nodeSelector',
  'tolerations',
  'affinity',
  'priorityClassName',
  'imagePullSecrets',
]);

test('a single pod keeps no node from being drained', () => {
  const single = { ...SMALL, ingress: { replicas: 1 }, workers: { replicas: 1 } };
  expect(disruptionBudgets(blueprint(single))).toEqual([]);
});

test('workers are made before ingress, and what pods need before them', () => {
  const kinds = workload(blueprint(LARGE)).map(({ object }) => `${object.kind} ${object.metadata.name}`);
  expect(kinds.slice(-2)).toEqual(['Deployment main-worker', 'Deployment main-ingress']);
  expect(new Set(kinds).size).toBe(kinds.length);
});

test('keys that sign mail are mounted by workers only', () => {
  const [ingress, worker] = podsOf(blueprint(LARGE)).map((it) => JSON.stringify(it.spec.volumes));
  expect([ingress?.includes('keyring-dkim'), worker?.includes('keyring-dkim-15')]).toEqual([false, true]);
});

test('what members tell their proxies is mounted by workers only', () => {
  const made = blueprint(SMALL, [], [{ name: 'proxies', key: 'login' }]);
  expect(JSON.stringify(workerDeployment(made))).toContain('"path":"proxies/login"');
  expect(JSON.stringify(ingressDeployment(made))).not.toContain('proxies');
});
