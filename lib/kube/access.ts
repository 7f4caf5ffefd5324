/**
 * PORT: which API server, and how to be let in. Tokens and certificates are read again when their files change.
 */
import { existsSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { homedir } from 'node:os';
import { join } from 'node:path';

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
 * As kubectl does it: `KUBECONFIG`, the home folder's, the pod's service account. Faults: `kube-config` when that does not say where the server
 * is. In a pod nothing of the library is loaded, which is 90 MB (decision 40).
 */
export async function kubeAccess(environment: NodeJS.ProcessEnv = process.env): Promise<KubeAccess> {
  if (!hasKubeconfig(environment)) {
    const { podAccess } = await import('./pod-access.ts');
    const access = podAccess(environment);
    if (access) return access;
  }
  const { kubeconfigAccess } = await import('./kubeconfig.ts');
  return kubeconfigAccess();
}

const hasKubeconfig = ({ KUBECONFIG: named = '', HOME: home = homedir() }: NodeJS.ProcessEnv): boolean =>
  named !== '' || existsSync(join(home, '.kube', 'config'));
