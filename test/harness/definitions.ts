/**
 * Our definitions on a real API server, from the files that people apply.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { NAMINGS, typeOfKind } from '#crds/definition.ts';
import type { Kind } from '#crds/kinds.ts';
import { parseYaml } from '#crds/source/yaml.ts';
import type { Kube, KubeObject, KubeType } from '#lib/kube/kube.ts';
import { until } from './until.ts';

const FOLDER = new URL('../../crds/generated/', import.meta.url);

export const DEFINITIONS: KubeType = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
};

export const readDefinitions = (): KubeObject[] =>
  readdirSync(FOLDER).map((file) => {
    const [document] = parseYaml(readFileSync(new URL(file, FOLDER), 'utf8')).documents;
    return document?.value as KubeObject;
  });

/** Applies them and waits until the server serves every kind. */
export async function installDefinitions(
  kube: Kube,
  definitions: readonly KubeObject[] = readDefinitions(),
): Promise<void> {
  for (const definition of definitions) {
    const outcome = await kube.apply(DEFINITIONS, definition, 'test');
    if (outcome.kind !== 'written') throw new Error(`${definition.metadata.name}: ${JSON.stringify(outcome)}`);
  }
  for (const { metadata } of definitions)
    await until(`${metadata.name} is established`, () => isEstablished(kube, metadata.name), 30_000);
  for (const kind of Object.keys(NAMINGS) as Kind[])
    await until(`${kind} is served`, () => kube.list(typeOfKind(kind)).then(Boolean, () => false), 30_000);
}

async function isEstablished(kube: Kube, name: string): Promise<boolean> {
  const definition = await kube.get({ type: DEFINITIONS, name });
  // At first the server says `null`.
  const { conditions } = (definition?.['status'] ?? {}) as { conditions?: { type: string; status: string }[] | null };
  return (conditions ?? []).some((it) => it.type === 'Established' && it.status === 'True');
}
