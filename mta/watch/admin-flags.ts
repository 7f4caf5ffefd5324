/**
 * What commands take that say whom they ask: a process by its address, or the pods of a cluster by a kubeconfig.
 */
export interface AdminFlag {
  /** As it is written, with its value: `--admin <url>`. */
  readonly flag: string;
  readonly does: string;
  /** The variable that says it in its place. */
  readonly variable?: string;
}

export const ADMIN_FLAGS: readonly AdminFlag[] = [
  { flag: '--admin <url>', does: 'its admin API (default: as the data folder says)', variable: 'POSTFLEET_ADMIN' },
  { flag: '--token <file>', does: 'a file with the token for it', variable: 'POSTFLEET_ADMIN_TOKEN_FILE' },
  { flag: '--kubeconfig <file>', does: 'ask the pods of a cluster (default: the kubeconfig that kubectl takes)' },
  { flag: '--namespace <name>', does: 'the same: namespace of its MTACluster (default: that of the context)' },
  { flag: '--cluster <name>', does: 'the same: name of its MTACluster (default: the only one there)' },
];

export interface KubeFlags {
  /** A file; absent: as kubectl finds one. */
  readonly kubeconfig?: string | undefined;
  /** Absent: that of the context. */
  readonly namespace?: string;
  readonly cluster?: string;
}

export const isByKube = ({ kubeconfig, namespace, cluster }: KubeFlags): boolean =>
  (kubeconfig ?? namespace ?? cluster) !== undefined;
