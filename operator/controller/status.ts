/**
 * The status of a resource, written when it has changed and only then.
 *
 * It is written over the state that was judged: whoever judged an older one gets a conflict and looks again.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Kube, KubeObject, KubeType, KubeWritten } from '#lib/kube/kube.ts';
import { Fault } from '#lib/run/fault.ts';
import type { Condition } from './condition.ts';
import { MANAGER } from './write.ts';

export interface Status {
  readonly observedGeneration: number;
  readonly conditions: readonly Condition[];
  readonly [field: string]: unknown;
}

export async function keepStatus(
  kube: Pick<Kube, 'applyStatus'>,
  type: KubeType,
  observed: KubeObject,
  status: Status,
): Promise<KubeWritten | { readonly kind: 'same' }> {
  // Fields that are undefined are not said.
  const said: unknown = JSON.parse(JSON.stringify(status));
  if (isDeepStrictEqual(observed['status'], said)) return { kind: 'same' };
  const { apiVersion, kind, metadata } = observed;
  const { name, namespace, uid, resourceVersion } = metadata;
  const place = { name, ...(namespace !== undefined && { namespace }), ...(uid !== undefined && { uid }) };
  const version = resourceVersion === undefined ? {} : { resourceVersion };
  const object = { apiVersion, kind, metadata: { ...place, ...version }, status: said };
  const written = await kube.applyStatus(type, object, MANAGER);
  if (written.kind !== 'refused') return written;
  throw new Fault('status-refused', `The status of ${kind} ${name} is refused: ${written.message}`);
}

/** Conditions that were written before. */
export function conditionsOf({ status }: KubeObject): readonly Condition[] {
  const { conditions } = (status ?? {}) as { readonly conditions?: readonly Condition[] };
  return conditions ?? [];
}
