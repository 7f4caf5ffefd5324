/**
 * The example's NATS and Valkey, as they are but for what one small node has not: three machines, and processors to promise.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseYaml } from '#crds/source/yaml.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { folderOfRun } from './node/machine.ts';
import { NAME as NODE_NAME } from './node/node.ts';

export function example(file: string): KubeObject[] {
  const text = readFileSync(new URL(`../../examples/kubernetes/${file}`, import.meta.url), 'utf8');
  const { documents, problems } = parseYaml(text);
  if (problems.length > 0) throw new Error(JSON.stringify(problems));
  return documents.map(({ value }) => value as KubeObject);
}

interface PodSpec {
  affinity?: object;
  containers: { resources: { requests: Record<string, string> } }[];
}

export const onOneNode = (objects: readonly KubeObject[]): KubeObject[] =>
  objects.map((it) => {
    const object = structuredClone(it);
    const { template } = (object['spec'] ?? {}) as { template?: { spec: PodSpec } };
    delete template?.spec.affinity;
    for (const { resources } of template?.spec.containers ?? []) resources.requests = { cpu: '10m' };
    return object;
  });

/** Disks of this machine, for whoever claims one. */
export const disks = (count: number): object[] =>
  Array.from({ length: count }, (_, at) => {
    const path = join(folderOfRun(), `disk-${at}`);
    mkdirSync(path);
    const here = { key: 'kubernetes.io/hostname', operator: 'In', values: [NODE_NAME] };
    return {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: `disk-${at}` },
      spec: {
        accessModes: ['ReadWriteOnce'],
        capacity: { storage: '20Gi' },
        local: { path },
        nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [here] }] } },
      },
    };
  });
