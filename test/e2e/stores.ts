/**
 * The example's NATS and Valkey, as they are but for what one small node has not: three machines, and processors to promise.
 */
import { readFileSync } from 'node:fs';
import { parseYaml } from '#crds/source/yaml.ts';
import type { KubeObject } from '#lib/kube/kube.ts';

export function example(file: string): KubeObject[] {
  const text = readFileSync(new URL(`../../examples/kubernetes/${file}`, import.meta.url), 'utf8');
  const { documents, problems } = parseYaml(text);
  if (problems.length > 0) throw new Error(JSON.stringify(problems));
  return documents.map(({ value }) => value as KubeObject);
}

interface PodSpec {
  affinity?: object;
  containers: {
    env?: object[];
    resources: { requests: Record<string, string>; limits: Record<string, string> };
  }[];
}

/** Of three servers on two processors each has its share: with more threads they wake one another, for a tenth of what they use. */
const ONE_PROCESSOR = { name: 'GOMAXPROCS', value: '1' };

export const onOneNode = (objects: readonly KubeObject[]): KubeObject[] =>
  objects.map((it) => {
    const object = structuredClone(it);
    const { template } = (object['spec'] ?? {}) as { template?: { spec: PodSpec } };
    delete template?.spec.affinity;
    for (const container of template?.spec.containers ?? []) {
      container.env = [...(container.env ?? []), ONE_PROCESSOR];
      container.resources.requests = REQUESTS;
      container.resources.limits = { memory: '3Gi' };
    }
    return object;
  });

/** Small enough for two processors with everything on them, and the same of all: who asks for nothing gets next to nothing of a busy one. */
export const REQUESTS = { cpu: '100m' };
