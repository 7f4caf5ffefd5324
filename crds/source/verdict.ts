/**
 * What the operator says of a resource in its status, as far as it decides what may be sent. Pure.
 *
 * Tenants cannot write a status, so it is trusted; what is missing in it, or is not what it should be, allows nothing.
 */
import type { KubeObject } from '#lib/kube/kube.ts';
import type { DomainVerdict } from '../kinds/sending-domain.ts';

/** Reason of `Verified` where another was first. */
const CLAIMED = 'DomainClaimed';

interface Said {
  readonly type?: unknown;
  readonly status?: unknown;
  readonly reason?: unknown;
}

export const statusOf = (object: KubeObject): Readonly<Record<string, unknown>> =>
  (object['status'] ?? {}) as Readonly<Record<string, unknown>>;

export const isTrue = (object: KubeObject, type: string): boolean => saidOf(object, type)?.status === 'True';

export function domainVerdict(object: KubeObject): DomainVerdict {
  const said = saidOf(object, 'Verified');
  const { activeSelectors } = statusOf(object);
  const refused = said?.reason === CLAIMED ? 'claimed-by-another' : 'unverified';
  return {
    standing: said?.status === 'True' ? 'verified' : refused,
    hasKey: Array.isArray(activeSelectors) && activeSelectors.length > 0,
  };
}

function saidOf(object: KubeObject, type: string): Said | undefined {
  const { conditions } = statusOf(object);
  return Array.isArray(conditions) ? (conditions as readonly Said[]).find((it) => it.type === type) : undefined;
}
