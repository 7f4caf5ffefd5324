/**
 * Which nodes of a cluster a test may use. Pure.
 */
export interface ListedNode {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly unschedulable?: boolean; readonly taints?: readonly { readonly effect: string }[] };
  readonly status: { readonly addresses: readonly { readonly type: string; readonly address: string }[] };
}

/** Those on which pods run that bear no taint, with their addresses: others are kept for something, such as the control plane. */
export function openNodes(nodes: readonly ListedNode[]): { readonly node: string; readonly address: string }[] {
  return nodes.filter(isOpen).map(({ metadata, status }) => {
    const address = status.addresses.find(({ type }) => type === 'InternalIP')?.address;
    if (address === undefined) throw new Error(`node ${metadata.name} has no InternalIP`);
    return { node: metadata.name, address };
  });
}

const isOpen = ({ spec: { unschedulable, taints = [] } }: ListedNode): boolean =>
  unschedulable !== true && taints.every(({ effect }) => effect === 'PreferNoSchedule');
