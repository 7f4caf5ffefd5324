/**
 * PORT: which API server, and how to be let in. Tokens and certificates are read again when their files change.
 */
import type { RequestOptions } from 'node:https';
import type { PodApi } from './pod-access.ts';

export interface KubeAccess {
  /** `https://host:port`, with a path where a gateway serves several. */
  readonly server: URL;
  /** What a request needs to be let in, connections shared. */
  options(): Promise<RequestOptions>;
  /** The namespace that is meant when none is named. */
  readonly namespace: string;
  /** Ends connections that are kept. */
  close(): void;
}

/**
 * As a pod is told; else by the kubeconfig that kubectl would take. Faults: `kube-config` when that does not say where the server is. In a pod
 * nothing of the library is loaded, which is 90 MB (decision 40).
 */
export async function kubeAccess(api: PodApi | undefined): Promise<KubeAccess> {
  if (api) return (await import('./pod-access.ts')).podAccess(api);
  return (await import('./kubeconfig.ts')).kubeconfigAccess();
}
