/**
 * Where objects are in the API. Pure.
 */
import type { KubeType } from './kube.ts';

/** Of all objects of a type, of those of a namespace, or of one, or of a part of it such as `status`. */
export function pathTo(type: KubeType, namespace?: string, name?: string, part?: string): string {
  const group = type.group === '' ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`;
  const steps = [...(namespace === undefined ? [] : ['namespaces', namespace]), type.plural, name, part];
  return [group, ...steps.filter((it) => it !== undefined).map(encodeURIComponent)].join('/');
}
