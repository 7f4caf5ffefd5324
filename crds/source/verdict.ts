/**
 * What the operator says of a resource in its status, as far as it decides what may be sent. Pure.
 *
 * Tenants cannot write a status, so it is trusted; what is missing in it, or is not what it should be, allows nothing.
 */
import type { KubeObject } from '#lib/kube/kube.ts';
import type { IPPool, MemberVerdict } from '../kinds/ip-pool.ts';
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

/** Of each member that the operator has said something of. */
export function poolVerdict(object: KubeObject): NonNullable<IPPool['verdict']> {
  const { members } = statusOf(object);
  if (!Array.isArray(members)) return {};
  return Object.fromEntries(
    (members as readonly MemberSaid[]).map((it) => [String(it.name), memberVerdict(it)] as const),
  );
}

interface MemberSaid {
  readonly name?: unknown;
  readonly state?: unknown;
  readonly reason?: unknown;
  readonly endpoint?: unknown;
}

/** States in which nothing leaves; what the resource says itself, as `suspend`, is read from it. */
const BAD_STATES: ReadonlySet<unknown> = new Set(['Unplumbed', 'Unhealthy']);

function memberVerdict({ state, reason, endpoint }: MemberSaid): MemberVerdict {
  const why = typeof reason === 'string' ? `: ${reason}` : '';
  return {
    ...(BAD_STATES.has(state) && { bar: `the operator says ${String(state)}${why}` }),
    ...(typeof endpoint === 'string' && URL.canParse(endpoint) && { endpoint }),
  };
}

function saidOf(object: KubeObject, type: string): Said | undefined {
  const { conditions } = statusOf(object);
  return Array.isArray(conditions) ? (conditions as readonly Said[]).find((it) => it.type === type) : undefined;
}
