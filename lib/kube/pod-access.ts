/**
 * The API server as a pod is told of it, by variables and the files of its service account.
 *
 * The token is exchanged for another about once an hour, and is read for each request; so is the authority that vouches for the server.
 */
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KubeAccess } from './access.ts';
import { SharedAgent } from './shared-agent.ts';

/** Where the API server is, and the folder of `token`, `ca.crt` and `namespace`. */
export interface PodApi {
  readonly host: string;
  readonly port: string;
  readonly folder: string;
}

const FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

/** Undefined where this is no pod with a token, or one that names a kubeconfig. `POSTFLEET_SERVICE_ACCOUNT` names another folder. */
export function podApiOf(environment: Readonly<Record<string, string | undefined>>): PodApi | undefined {
  const { KUBECONFIG: named = '', KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = environment;
  const folder = environment['POSTFLEET_SERVICE_ACCOUNT'] ?? FOLDER;
  const isPod = named === '' && host !== undefined && existsSync(join(folder, 'token'));
  return isPod ? { host, port, folder } : undefined;
}

export function podAccess({ host, port, folder }: PodApi): KubeAccess {
  const text = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');
  const agent = new SharedAgent();
  return {
    server: new URL(`https://${host.includes(':') ? `[${host}]` : host}:${port}`),
    namespace: namespaceIn(folder),
    options: async () => {
      const [token, ca] = await Promise.all([text('token'), text('ca.crt')]);
      return { headers: { authorization: `Bearer ${token.trim()}` }, agent: agent.trusting({ ca }) };
    },
    close: () => agent.close(),
  };
}

function namespaceIn(folder: string): string {
  const file = join(folder, 'namespace');
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : 'default';
}
