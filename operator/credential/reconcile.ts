/**
 * Carries out what a `SendingCredential` says: observe, plan, apply, status.
 *
 * The Secret is made before anything is said of it, and made once: of two who make it, the second reads the first's. A password of
 * somebody's own is read from their Secret, in the credential's namespace and in no other, and goes no further than its proof.
 */
import { typeOfKind } from '#crds/definition.ts';
import { type SendingCredential, usernameOf } from '#crds/kinds/sending-credential.ts';
import type { SecretRef } from '#crds/parts.ts';
import { keyOf } from '#crds/resource.ts';
import { generateSecret } from '#lib/keyring/proof.ts';
import { NOT_ONE_LINE, proofOf } from '#lib/keyring/provision-credential.ts';
import { type Kube, kubeKey, type KubeObject } from '#lib/kube/kube.ts';
import type { Clock } from '#lib/run/clock.ts';
import type { Random } from '#lib/run/random.ts';
import type { Reconciler } from '../controller/controller.ts';
import { keepStatus } from '../controller/status.ts';
import { wishesOf } from '../controller/wishes.ts';
import type { Worked } from '../controller/work-queue.ts';
import { clusterRouteOf, type ClusterRoute, type Targets } from '../grants.ts';
import { resourceIn } from '../typed.ts';
import { SECRETS } from '../types.ts';
import { ownerOf, type World } from '../world.ts';
import { type Chosen, type CredentialLoaded, type CredentialPlan, planCredential } from './plan.ts';
import { namesOf, recordIn } from './secret.ts';

export interface CredentialOptions {
  readonly kube: Kube;
  readonly world: World;
  readonly targets: Targets;
  readonly clock: Clock;
  readonly random: Random;
  readonly loaded: (credential: SendingCredential, route: ClusterRoute) => CredentialLoaded;
  readonly usedOn: (credential: SendingCredential, route: ClusterRoute) => string | undefined;
}

const CONFLICT: Worked = { kind: 'conflict' };
const CREDENTIALS = typeOfKind('SendingCredential');

export class CredentialReconciler implements Reconciler {
  readonly name = 'sendingcredential';
  readonly #options: CredentialOptions;
  /** Proofs by the very Secret that they are of: proving takes a tenth of a second. */
  readonly #proven = new Map<string, { readonly of: string; readonly chosen: Chosen }>();

  constructor(options: CredentialOptions) {
    this.#options = options;
  }

  async reconcile(key: string): Promise<Worked> {
    const { kube, world, targets, clock, random, loaded, usedOn } = this.#options;
    const observed = world.object(CREDENTIALS, key);
    const credential = resourceIn(observed, 'SendingCredential');
    if (!observed || !credential || observed.metadata.deletionTimestamp !== undefined) {
      this.#proven.delete(key);
      return { kind: 'done' };
    }
    if (wishesOf(observed.metadata.annotations).isPaused) return { kind: 'done' };
    const route = clusterRouteOf(credential, targets);
    const secret = await this.#secretOf(credential);
    const chosen = route.kind === 'granted' ? await this.#chosenBy(credential, secret) : undefined;
    const plan = planCredential({
      credential,
      observed,
      route,
      secret,
      chosen,
      newPassword: generateSecret(random),
      loaded: loaded(credential, route),
      usedOn: usedOn(credential, route),
      missing: this.#missing(credential),
      now: clock.now(),
    });
    if (plan.write && !(await this.#write(plan.write))) return CONFLICT;
    if (!(await this.#removeOther(credential, observed))) return CONFLICT;
    const written = await keepStatus(kube, CREDENTIALS, observed, plan.status);
    if (written.kind === 'conflict') return CONFLICT;
    return { kind: 'done', ...(plan.again !== undefined && { again: plan.again }) };
  }

  /** One that does not bear our label is found by asking. */
  async #secretOf(credential: SendingCredential): Promise<KubeObject | undefined> {
    const { kube, world } = this.#options;
    const { namespace } = credential.metadata;
    const { own: name } = namesOf(credential);
    return world.object(SECRETS, kubeKey({ namespace, name })) ?? (await kube.get({ type: SECRETS, namespace, name }));
  }

  async #chosenBy(credential: SendingCredential, kept: KubeObject | undefined): Promise<Chosen | undefined> {
    const { secretRef } = credential.spec;
    if (!secretRef) return undefined;
    const { namespace } = credential.metadata;
    const found = await this.#options.kube.get({ type: SECRETS, namespace, name: secretRef.name });
    const key = keyOf(credential.metadata);
    const of = JSON.stringify([found?.metadata.uid, found?.metadata.resourceVersion, secretRef.key]);
    const before = this.#proven.get(key);
    if (found && before?.of === of) return before.chosen;
    const chosen = await this.#prove(credential, secretRef, found, kept);
    this.#proven.set(key, { of, chosen });
    return chosen;
  }

  async #prove(
    credential: SendingCredential,
    { name, key }: SecretRef,
    found: KubeObject | undefined,
    kept: KubeObject | undefined,
  ): Promise<Chosen> {
    const place = `key ${key} of Secret ${keyOf({ namespace: credential.metadata.namespace, name })}`;
    const encoded = ((found?.['data'] ?? {}) as Readonly<Record<string, string>>)[key];
    if (encoded === undefined) return { kind: 'absent', problem: `there is no ${place}: make it` };
    const username = usernameOf(credential);
    const text = Buffer.from(encoded, 'base64').toString();
    const secret = await proofOf(text, kept && recordIn(kept, username), this.#options.random);
    return secret
      ? { kind: 'proven', record: { v: 1, username, secret } }
      : { kind: 'absent', problem: `${place}: ${NOT_ONE_LINE}` };
  }

  #missing({ metadata: { namespace }, spec }: SendingCredential): string[] {
    const { world } = this.#options;
    const keys = (spec.domainRefs ?? []).map(({ name }) => keyOf({ namespace, name }));
    return keys.filter((key) => !world.object(typeOfKind('SendingDomain'), key));
  }

  /** False when somebody was first. */
  async #write({ how, object }: NonNullable<CredentialPlan['write']>): Promise<boolean> {
    const { kube } = this.#options;
    const written = how === 'create' ? await kube.create(SECRETS, object) : await kube.replace(SECRETS, object);
    return written.kind === 'written';
  }

  /** The Secret that it had before its password became its own, or ceased to be. False when somebody has written it. */
  async #removeOther(credential: SendingCredential, { metadata }: KubeObject): Promise<boolean> {
    const { kube, world } = this.#options;
    const place = { namespace: credential.metadata.namespace, name: namesOf(credential).other };
    const other = world.object(SECRETS, kubeKey(place));
    if (!other || ownerOf(other)?.uid !== metadata.uid) return true;
    const { uid = '', resourceVersion = '' } = other.metadata;
    return (await kube.delete({ type: SECRETS, ...place }, { uid, resourceVersion })) !== 'conflict';
  }
}
