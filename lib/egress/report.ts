/**
 * What the egress proxy of a node tells of itself, as a Lease of its pod: where it listens, and which addresses of pools the node holds. Pure.
 *
 * Which node that is, and whether the pod is there, Kubernetes says, not the pod.
 */
export interface EgressWord {
  readonly port: number;
  /** It speaks under TLS. */
  readonly isSecure: boolean;
  /** Sorted, so that the same has one text. */
  readonly addresses: readonly string[];
}

/** The annotation, and the label of every such Lease. */
export const EGRESS_REPORT = 'postfleet.io/egress';
export const REPORTS_EGRESS = { 'postfleet.io/reports': 'egress' } as const;

export const egressText = ({ port, isSecure, addresses }: EgressWord): string =>
  JSON.stringify({ port, isSecure, addresses: addresses.toSorted() });

/** Undefined for anything else. */
export function parseEgressText(text: string): EgressWord | undefined {
  try {
    const { port, isSecure, addresses } = JSON.parse(text) as Partial<EgressWord>;
    const isWhole = Number.isInteger(port) && typeof isSecure === 'boolean' && Array.isArray(addresses);
    return isWhole ? { port: port ?? 0, isSecure, addresses: addresses.map(String) } : undefined;
  } catch {
    return undefined;
  }
}
