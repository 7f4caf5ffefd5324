/**
 * What is in `examples/kubernetes`, applied in twenty orders, each in a namespace of its own with a domain of its own, while an operator
 * looks on: the same comes of each, and no key is made twice.
 */
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import type { Kind } from '#crds/kinds.ts';
import { parseYaml } from '#crds/source/yaml.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { BINDINGS, DEPLOYMENTS, SECRETS, SERVICES } from '#operator/types.ts';
import { typeOf } from '../harness/helm.ts';
import { filesIn, keyringSecrets } from '../harness/keyring-pods.ts';
import type { Operated } from '../harness/operated.ts';
import { operatedScene } from '../harness/operated-scene.ts';
import type { OperatorProcess } from '../harness/operator.ts';
import { openScene } from '../harness/scene.ts';
import { until } from '../harness/until.ts';
import { statusOf, type Zone } from '../harness/zone.ts';

const stage = openScene();
const ORDERS = 20;
const SEED = 8;
/** Milliseconds. */
const BETWEEN_ROUNDS = 3000;
const FOLDER = new URL('../../examples/kubernetes/', import.meta.url);

/** What the page has people make beside the files. */
const LOGIN: KubeObject = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'egress' },
  data: { login: Buffer.from('fleet:password').toString('base64') },
};
const OBJECTS: readonly KubeObject[] = readdirSync(FOLDER)
  .filter((it) => !it.endsWith('-values.yaml'))
  .flatMap((it) => parseYaml(readFileSync(new URL(it, FOLDER), 'utf8')).documents)
  .map(({ value }) => value as KubeObject)
  .concat(LOGIN);

/** The first is that of the files. */
const SHUFFLED = fc.sample(fc.shuffledSubarray([...OBJECTS], { minLength: OBJECTS.length }), {
  seed: SEED,
  numRuns: ORDERS - 1,
});
const NAMESPACES = new Map([OBJECTS, ...SHUFFLED].map((order, at) => [`order-${at + 1}`, order]));

let site: Operated;
let zone: Zone;
let operator: OperatorProcess;

beforeAll(async () => {
  ({ site, zone, operator } = await operatedScene(stage, NAMESPACES.keys()));
}, 120_000);

/** Of several claims to one domain one holds. */
const domainOf = (namespace: string): string => `${namespace}.example.com`;

function inNamespace(object: KubeObject, namespace: string): KubeObject {
  const there = { ...object, metadata: { ...object.metadata, namespace } };
  if (object.kind !== 'SendingDomain') return there;
  return { ...there, spec: { ...(object['spec'] as object), domain: domainOf(namespace) } };
}

let asked = 0;
/** Publishes what is said, and has it looked at. */
async function publish(namespace: string): Promise<void> {
  const domain = await site.object('SendingDomain', `${namespace}/example.com`);
  zone.publish(statusOf(domain));
  const annotations = { 'postfleet.io/reconcile-at': String((asked += 1)) };
  if (domain) await site.declare('SendingDomain', `${namespace}/example.com`, domain['spec'] as object, annotations);
}

const DECLARED: readonly (readonly [kind: Kind, name: string])[] = [
  ['MTACluster', 'main'],
  ['IPPool', 'main'],
  ['SendingDomain', 'example.com'],
  ['SendingCredential', 'app'],
];

const isReady = async (namespace: string): Promise<boolean> => {
  const kept = await keyringSecrets(site.kube, namespace);
  const domain = await site.conditions('SendingDomain', `${namespace}/example.com`);
  return domain.includes('Ready=True Ready') && kept.some((it) => filesIn(it).has(`${namespace}.app.json`));
};

/** All that has come of it, by words that are the same in every namespace. */
async function outcome(namespace: string): Promise<object> {
  const conditions = await Promise.all(
    DECLARED.map(async ([kind, name]) => [kind, await site.conditions(kind, `${namespace}/${name}`)] as const),
  );
  const { objects: secrets } = await site.kube.list(SECRETS, { namespace });
  const { keys = [] } = statusOf(await site.object('SendingDomain', `${namespace}/example.com`));
  const children = await Promise.all(
    [DEPLOYMENTS, SERVICES, BINDINGS].map((type) => site.kube.list(type, { namespace })),
  );
  const alike = (text: string): string => text.replaceAll(namespace, 'NAMESPACE');
  const isKept = (it: KubeObject): boolean => it['type'] === 'postfleet.io/keyring';
  const [kept, others] = [secrets.filter(isKept), secrets.filter((it) => !isKept(it))];
  return {
    conditions: Object.fromEntries(conditions),
    keys: keys.map(({ phase }) => phase),
    secrets: others
      .map((it) =>
        alike(
          `${it.metadata.name} ${Object.keys(it['data'] ?? {})
            .toSorted()
            .join()}`,
        ),
      )
      .toSorted(),
    // Which part of the keyring has a file follows from its name.
    keyring: kept.map((it) => alike(it.metadata.name)).toSorted(),
    files: kept.flatMap((it) => Array.from(filesIn(it).keys(), alike)).toSorted(),
    children: children.flatMap(({ objects }) => objects.map((it) => it.metadata.name)).toSorted(),
  };
}

async function versions(): Promise<string> {
  const lists = await Promise.all([...NAMESPACES.keys()].map((namespace) => site.kube.list(SECRETS, { namespace })));
  const said = await Promise.all(
    [...NAMESPACES.keys()].flatMap((namespace) =>
      DECLARED.map(([kind, name]) => site.object(kind, `${namespace}/${name}`)),
    ),
  );
  const all = [...lists.flatMap(({ objects }) => objects), ...said];
  return all.map((it) => it?.metadata.resourceVersion).join();
}

test(`${ORDERS} orders of applying the examples come to the same`, async () => {
  const began = performance.now();
  await Promise.all(
    [...NAMESPACES].map(async ([namespace, order]) => {
      for (const object of order) await site.apply(typeOf(object), inNamespace(object, namespace));
    }),
  );
  const left = new Set(NAMESPACES.keys());
  let round = 0;
  await until(
    'every domain is ready',
    async () => {
      // Whoever asks without end is what the operator is busy with.
      if (performance.now() - round < BETWEEN_ROUNDS) return false;
      round = performance.now();
      for (const namespace of left) {
        if (await isReady(namespace)) left.delete(namespace);
        else await publish(namespace);
      }
      return left.size === 0;
    },
    150_000,
  ).catch((thrown: unknown) => {
    throw new Error(`not ready: ${[...left].join()}`, { cause: thrown });
  });
  let [before, since] = ['', performance.now()];
  await until(
    'nothing is written any more',
    async () => {
      const now = await versions();
      if (now !== before) [before, since] = [now, performance.now()];
      return performance.now() - since > 7000;
    },
    60_000,
  );
  const seconds = Math.round((performance.now() - began) / 1000);
  process.stdout.write(`${ORDERS} orders of ${OBJECTS.length} objects came to the same after ${seconds} s\n`);
  const [first] = NAMESPACES.keys();
  const expected = await outcome(first ?? '');
  expect(expected).toMatchObject({ keys: ['Active', 'Active'] });
  for (const namespace of NAMESPACES.keys())
    expect({ namespace, ...(await outcome(namespace)) }).toEqual({ namespace, ...expected });
  expect(operator.program.exit).toBeUndefined();
}, 300_000);
