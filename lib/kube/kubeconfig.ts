/**
 * The API server that a kubeconfig names, and how it says to be let in. The one user of `@kubernetes/client-node`.
 *
 * Nothing here speaks to the server but what a kubeconfig's own login commands do, and forwarding of ports.
 */
import type { RequestOptions } from 'node:https';
import { type Duplex, Writable } from 'node:stream';
import { KubeConfig, PortForward } from '@kubernetes/client-node';
import { Fault, reasonOf } from '#lib/run/fault.ts';
import type { KubeAccess } from './access.ts';
import { SharedAgent } from './shared-agent.ts';

/** That of who has a kubeconfig. */
export interface KubeconfigAccess extends KubeAccess {
  /**
   * Joins `socket` with a port of a pod, as `kubectl port-forward` does. Resolves when they are joined; either's end is that of the other. Rejects
   * with `kube-denied` or `kube-unreachable`; what the node says later, such as that nobody listens there, ends the socket with that fault.
   */
  forward(pod: PodPlace, port: number, socket: Duplex): Promise<void>;
}

export interface PodPlace {
  readonly namespace: string;
  readonly name: string;
}

/**
 * From a kubeconfig's text; without one as kubectl does it: `KUBECONFIG`, the home folder's, the pod's service account.
 * Throws `kube-config` when that does not say where the server is.
 */
export function kubeconfigAccess(kubeconfig?: string): KubeconfigAccess {
  const config = new KubeConfig();
  try {
    if (kubeconfig === undefined) config.loadFromDefault();
    else config.loadFromString(kubeconfig);
  } catch (thrown) {
    throw new Fault('kube-config', `The kubeconfig cannot be read: ${reasonOf(thrown)}. Put it right.`);
  }
  const server = URL.parse(config.getCurrentCluster()?.server ?? '');
  if (server?.protocol !== 'https:')
    throw new Fault('kube-config', 'The kubeconfig names no API server with https://. Choose a context that does.');
  return new Access(config, server);
}

class Access implements KubeconfigAccess {
  readonly server: URL;
  readonly namespace: string;
  readonly #config: KubeConfig;
  readonly #isProxied: boolean;
  /** The library's own keeps no connection, and the first certificate for ever. */
  readonly #agent = new SharedAgent();

  constructor(config: KubeConfig, server: URL) {
    this.#config = config;
    this.server = server;
    this.namespace = config.getContextObject(config.getCurrentContext())?.namespace ?? 'default';
    this.#isProxied = config.getCurrentCluster()?.proxyUrl !== undefined;
  }

  async options(): Promise<RequestOptions> {
    const options: RequestOptions = {};
    await this.#config.applyToHTTPSOptions(options);
    return this.#isProxied ? options : { ...options, agent: this.#agent.trusting(options) };
  }

  async forward({ namespace, name }: PodPlace, port: number, socket: Duplex): Promise<void> {
    const where = `port ${port} of pod ${namespace}/${name}`;
    const complaints = new Writable({
      write: (said: Buffer, _, done) => {
        // The first one is the port's number, of which the library leaves nothing.
        if (said.length > 0) socket.destroy(new Fault('kube-unreachable', `${where}: ${said.toString().trim()}`));
        done();
      },
    });
    const forwarding = new PortForward(this.#config).portForward(namespace, name, [port], socket, complaints, socket);
    const joined = await forwarding.catch((thrown: unknown) => {
      throw notForwarded(where, thrown);
    });
    // It is a function only where it is asked to begin anew by itself.
    if (typeof joined === 'function') throw new TypeError('one connection is asked for');
    joined.onclose = () => socket.destroy();
    socket.once('close', () => joined.close());
  }

  close(): void {
    this.#agent.close();
  }
}

/** What the library rejects with is an event. */
function notForwarded(where: string, thrown: unknown): Fault {
  const said = String((thrown as { readonly message?: unknown }).message ?? thrown);
  if (!/\b40[13]$/.test(said)) return new Fault('kube-unreachable', `${where} cannot be reached: ${said}`);
  return new Fault('kube-denied', `${where}: it takes the right to get and create pods/portforward in its namespace`);
}
