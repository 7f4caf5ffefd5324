/**
 * Keeps the `DNSEndpoint` of a domain as it should be, or says why there is none: external-dns may not be there, and what it publishes
 * proves a domain, so that not everybody's is.
 */
import { typeOfKind } from '#crds/definition.ts';
import type { SendingDomain } from '#crds/kinds/sending-domain.ts';
import type { RecordReport } from '#lib/domain/records.ts';
import { type Kube, kubeKey, type KubeObject } from '#lib/kube/kube.ts';
import { Fault } from '#lib/run/fault.ts';
import { Keeper } from '../controller/write.ts';
import type { Targets } from '../grants.ts';
import { resourceIn } from '../typed.ts';
import { ENDPOINTS } from '../types.ts';
import { ownerOf, type World } from '../world.ts';
import { endpointOf } from './endpoint.ts';
import type { DomainView } from './plan.ts';
import { isTrusted, type Route } from './pool.ts';

export interface PublisherOptions {
  readonly kube: Kube;
  readonly world: World;
  readonly targets: Targets;
}

export class Publisher {
  readonly #options: PublisherOptions;
  readonly #keeper: Keeper;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#keeper = new Keeper(options.kube);
  }

  /** Why nothing is published though it is asked for, a sentence; undefined when all is well. */
  async problem(domain: SendingDomain, { metadata }: KubeObject, route: Route): Promise<string | undefined> {
    const { world, targets } = this.#options;
    if (domain.spec.dns.mode === 'Manual' || route.kind === 'refused') return undefined;
    if (!world.serves(ENDPOINTS)) return NOT_SERVED;
    if (!mayPublish(domain, route, targets)) return NOT_TRUSTED;
    const there = await this.#there(domain);
    if (!there || ownerOf(there)?.uid === metadata.uid) return undefined;
    return `DNSEndpoint ${kubeKey(there.metadata)} is not of this SendingDomain: remove it, or set spec.dns.mode to Manual`;
  }

  /** To be called when there is no problem, after the status has the records. False when somebody has written it since. */
  async keep({ domain, observed, keys }: DomainView, records: readonly RecordReport[]): Promise<boolean> {
    const before = await this.#there(domain);
    if (domain.spec.dns.mode === 'Manual') return !before || this.#remove(before, observed);
    const object = endpointOf({ domain, uid: observed.metadata.uid ?? '', keys, records, before });
    const written = await this.#keeper.keep({ type: ENDPOINTS, object }, before);
    if (written.kind !== 'refused') return written.kind !== 'conflict';
    throw new Fault('endpoint-refused', `DNSEndpoint ${kubeKey(object.metadata)} is refused: ${written.message}`);
  }

  /** One of ours is heard of; anybody's is found by asking, where one is about to be made. */
  async #there({ metadata, spec }: SendingDomain): Promise<KubeObject | undefined> {
    const { kube, world } = this.#options;
    const { namespace, name } = metadata;
    const known = world.object(ENDPOINTS, kubeKey(metadata));
    if (known || spec.dns.mode === 'Manual') return known;
    return kube.get({ type: ENDPOINTS, namespace, name });
  }

  async #remove(endpoint: KubeObject, { metadata }: KubeObject): Promise<boolean> {
    const { name, namespace = '', uid = '', resourceVersion = '' } = endpoint.metadata;
    if (ownerOf(endpoint)?.uid !== metadata.uid) return true;
    return (
      (await this.#options.kube.delete({ type: ENDPOINTS, namespace, name }, { uid, resourceVersion })) !== 'conflict'
    );
  }
}

const NOT_SERVED =
  'spec.dns.mode is DNSEndpoint, and this API server has no such kind: install the CRD of external-dns, or publish the records by hand';
const NOT_TRUSTED =
  'spec.dns.mode DNSEndpoint would prove the domain: ask the owner of the MTACluster for spec.tenants.skipVerification, or publish the records by hand';

/** Domains that ask for it. */
export const publishing = (world: World): string[] =>
  world
    .objects(typeOfKind('SendingDomain'))
    .filter((it) => resourceIn(it, 'SendingDomain')?.spec.dns.mode === 'DNSEndpoint')
    .map(({ metadata }) => kubeKey(metadata));

/** What is published proves a domain: it is for whom the cluster's owner excuses from that, and for the cluster's own namespace. */
const mayPublish = (
  { metadata: { namespace } }: SendingDomain,
  { cluster }: Extract<Route, { kind: 'granted' }>,
  targets: Targets,
): boolean => namespace === cluster.metadata.namespace || isTrusted(namespace, cluster, targets);
