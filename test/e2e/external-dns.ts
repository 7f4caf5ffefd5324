/**
 * What external-dns does, as far as a test needs it: the records of every `DNSEndpoint` are in the zone that their names end with.
 */
import type { ApiServer } from '#lib/kube/api-server.ts';
import type { KubeObject, KubeType } from '#lib/kube/kube.ts';
import type { Ground, ZoneLine } from './ground.ts';

const ENDPOINTS: KubeType = {
  group: 'externaldns.k8s.io',
  version: 'v1alpha1',
  plural: 'dnsendpoints',
  kind: 'DNSEndpoint',
};
const PAUSE = 500;

interface Endpoint {
  readonly dnsName: string;
  readonly recordType: string;
  readonly targets: readonly string[];
}

export class ExternalDns {
  #timer: NodeJS.Timeout | undefined;
  #written = '';

  /** `own`: lines of the zone that are nobody's business. */
  constructor(
    kube: ApiServer,
    { write, places }: Pick<Ground, 'write' | 'places'>,
    zone: string,
    own: readonly ZoneLine[],
  ) {
    const look = async (): Promise<void> => {
      const { objects } = await kube.list(ENDPOINTS, { namespace: places.mail });
      const lines = [...own, ...objects.flatMap(linesOf).filter((it) => it.split(' ')[0]?.endsWith(`${zone}.`))];
      if (lines.join('\n') === this.#written) return;
      await write(zone, lines);
      this.#written = lines.join('\n');
    };
    const again = (): void => {
      // Without an API server what was published stays.
      this.#timer = setTimeout(() => void look().then(again, again), PAUSE);
    };
    again();
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
  }
}

function linesOf({ spec }: KubeObject): ZoneLine[] {
  const { endpoints = [] } = (spec ?? {}) as { readonly endpoints?: readonly Endpoint[] };
  return endpoints.flatMap(({ dnsName, recordType, targets }) =>
    targets.map((it) => zoneLine(dnsName, recordType, it)),
  );
}

export const zoneLine = (name: string, type: string, value: string): ZoneLine =>
  `${name}. ${type} ${type === 'TXT' ? quoted(value) : dotted(value)}`;

const quoted = (text: string): string => (text.match(/.{1,255}/gs) ?? []).map((it) => JSON.stringify(it)).join(' ');
const dotted = (text: string): string => (text.endsWith('.') ? text : `${text}.`);
