/**
 * PORT: what stands under the cluster of an e2e: a node of this machine's own, or a cluster that somebody gave.
 *
 * Promises: what is written into a zone is answered within seconds to all pods that ask for mail; mail that a pod sends to the sink arrives
 * there from the address it left by; a killed container is given no time to say goodbye.
 */
import type { Helm } from '../harness/helm.ts';
import type { Load, Mailbench } from '../harness/mailbench.ts';
import type { Kubectl } from './kubectl.ts';

export interface Ground {
  readonly kubectl: Kubectl;
  readonly helm: Helm;
  readonly places: Places;
  readonly images: Images;
  /** Of the chart, beside where its image is. */
  readonly values: Readonly<Record<string, string>>;
  readonly pool: Pool;
  /** Merged into the specification of the `MTACluster`. */
  readonly cluster: object;
  readonly bench: Bench;
  /** What the zone `test` has in any case: where receivers of mail to `load.test` are. */
  readonly receivers: readonly ZoneLine[];
  /** The whole of a zone beside what every zone has. */
  write(zone: string, lines: readonly ZoneLine[]): Promise<void>;
  /** TXT records, as the name server of all zones says them. Rejects when there are none. */
  texts(name: string): Promise<readonly string[]>;
  /** Where this process reaches a port of the Service of the ingress. */
  reach(port: number): Promise<Address>;
  /** SIGKILL to the first process of a container, as the API names it. */
  kill(container: Container): Promise<void>;
  /** Absent where it is not ours to end. */
  readonly apiServer?: { kill(): Promise<void>; start(within: number): Promise<void> };
}

/** Namespaces. */
export interface Places {
  readonly operator: string;
  readonly egress: string;
  /** Where senders declare what they have. */
  readonly mail: string;
}

export interface Images {
  readonly repository: string;
  readonly tag: string;
  /** Of another release, as far as Kubernetes knows. */
  readonly next: string;
}

/** Where mail leaves from. */
export interface Pool {
  readonly members: readonly object[];
  /** Of all mail, in hundredths, by address and name. */
  readonly shares: ReadonlyMap<string, number>;
}

/** Source and sink of mail, on the network of the pods. */
export interface Bench {
  start(load: Load): Mailbench;
  /** `address:port`, each as the bench itself sees it. */
  readonly sink: string;
  readonly dns: string;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Container {
  /** `containerd://ID`. */
  readonly id: string;
  readonly node: string;
}

/** One line of a zone: `name type value`, names in full with their dot, or without one in the zone. */
export type ZoneLine = string;
