/**
 * A control plane of a test file's own with our definitions and an account for the operator, and hands to declare and to look.
 */
import { typeOfKind } from '#crds/definition.ts';
import type { Kind } from '#crds/kinds.ts';
import { ApiServer } from '#lib/kube/api-server.ts';
import type { KubeObject, KubeType } from '#lib/kube/kube.ts';
import { systemClock } from '#lib/run/clock.ts';
import { systemRandom } from '#lib/run/random.ts';
import { conditionsOf } from '#operator/controller/status.ts';
import { SECRETS } from '#operator/types.ts';
import { ControlPlane } from './control-plane.ts';
import { installDefinitions } from './definitions.ts';
import { grantOperator, NAMESPACES, OPERATOR, OPERATOR_GROUPS } from './operator.ts';
import type { Stage } from './stage.ts';

/** `namespace/name`. */
type Place = string;

export class Operated {
  readonly plane: ControlPlane;
  /** As the administrator. */
  readonly kube: ApiServer;

  private constructor(plane: ControlPlane) {
    this.plane = plane;
    this.kube = new ApiServer(plane.access(), systemClock, systemRandom);
  }

  /** `flags`: further ones of the API server; `accounts`: of pods that are let in too, `namespace/name`. */
  static async start(stage: Stage, flags: readonly string[] = [], accounts: readonly Place[] = []): Promise<Operated> {
    const pods = accounts.map((it) => [accountName(it), { groups: ['system:serviceaccounts'] }] as const);
    const users = { [OPERATOR]: { groups: OPERATOR_GROUPS }, ...Object.fromEntries(pods) };
    const operated = new Operated(await ControlPlane.start(stage, { users, flags }));
    await installDefinitions(operated.kube);
    await grantOperator(operated.kube);
    return operated;
  }

  async namespace(name: string, labels: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.apply(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
  }

  /** Rejects when the server does not take it. */
  async declare(
    kind: Kind,
    place: Place,
    spec: object,
    annotations: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const metadata = { ...partsOf(place), annotations };
    await this.apply(typeOfKind(kind), { apiVersion: 'postfleet.io/v1alpha1', kind, metadata, spec });
  }

  async apply(type: KubeType, object: KubeObject): Promise<void> {
    const written = await this.kube.apply(type, object, 'somebody');
    if (written.kind !== 'written') throw new Error(JSON.stringify(written));
  }

  async object(kind: Kind, place: Place): Promise<KubeObject | undefined> {
    return this.kube.get({ type: typeOfKind(kind), ...partsOf(place) });
  }

  /** A text for each condition: `Ready=False RollingOut`. */
  async conditions(kind: Kind, place: Place): Promise<string[]> {
    const found = await this.object(kind, place);
    return found ? conditionsOf(found).map(({ type, status, reason }) => `${type}=${status} ${reason}`) : [];
  }

  async secret(place: Place): Promise<KubeObject | undefined> {
    return this.kube.get({ type: SECRETS, ...partsOf(place) });
  }

  close(): void {
    this.kube.close();
  }
}

/** As the API knows a service account. */
const accountName = (place: Place): string => `system:serviceaccount:${place.replace('/', ':')}`;

function partsOf(place: Place): { readonly namespace: string; readonly name: string } {
  const [namespace = '', name = ''] = place.split('/');
  return { namespace, name };
}

/** What a Secret holds under a key. */
export function textIn(secret: KubeObject | undefined, key: string): string {
  const { [key]: encoded = '' } = (secret?.['data'] ?? {}) as Readonly<Record<string, string>>;
  return Buffer.from(encoded, 'base64').toString();
}
