/**
 * A `SendingCredential`: which Secret is to be made or changed, and what is said of it. Pure.
 */
import { type SendingCredential, usernameOf } from '#crds/kinds/sending-credential.ts';
import type { CredentialRecord } from '#lib/keyring/keyring.ts';
import { type KubeObject, kubeKey } from '#lib/kube/kube.ts';
import { type Duration, hours, type Instant } from '#lib/run/clock.ts';
import { conditionsAfter, type Finding, type Progress, summary } from '../controller/condition.ts';
import { conditionsOf, type Status } from '../controller/status.ts';
import { isAsWanted } from '../controller/write.ts';
import { acceptedFinding } from '../declared/accepted.ts';
import type { ClusterRoute } from '../grants.ts';
import { ownerOf } from '../world.ts';
import { generatedSecret, passwordIn, proofSecret } from './secret.ts';

export interface CredentialView {
  readonly credential: SendingCredential;
  /** The resource as the server has it. */
  readonly observed: KubeObject;
  readonly route: ClusterRoute;
  /** The Secret of the name that it has, whoever made it. */
  readonly secret: KubeObject | undefined;
  /** What `spec.secretRef` names: proven, or why it cannot be; undefined without a reference. */
  readonly chosen: Chosen | undefined;
  /** For a Secret that is not there yet. */
  readonly newPassword: string;
  readonly loaded: CredentialLoaded;
  /** The last day on which a pod let somebody in with it, as far as pods tell. */
  readonly usedOn: string | undefined;
  /** `SendingDomains` that it names and that are not there. */
  readonly missing: readonly string[];
  readonly now: Instant;
}

export type Chosen =
  | { readonly kind: 'proven'; readonly record: CredentialRecord }
  | { readonly kind: 'absent'; readonly problem: string };

/** Whether ingress has it: every pod, not all of them, or nobody runs who could. */
export type CredentialLoaded = 'everywhere' | 'not-everywhere' | 'nobody-runs';

export interface CredentialPlan {
  /** To be made, or written over what was read. */
  readonly write?: { readonly how: 'create' | 'replace'; readonly object: KubeObject };
  readonly status: Status;
  /** When time alone changes something. */
  readonly again?: Duration;
}

export function planCredential(view: CredentialView): CredentialPlan {
  const wanted = wantedOf(view);
  const write = wanted.kind === 'wanted' ? writeOf(wanted.secret, view.secret) : undefined;
  const problem = wanted.kind === 'problem' ? wanted : undefined;
  const { expiresAt } = view.credential.spec;
  const left = expiresAt === undefined ? 0 : Date.parse(expiresAt) - view.now;
  return {
    ...(write && { write }),
    status: statusOf(view, problem, write !== undefined),
    ...(left > 0 && { again: Math.min(left, LONGEST_WAIT) }),
  };
}

/** A timer holds no more than 24 days. */
const LONGEST_WAIT: Duration = hours(24);

type Wanted =
  | { readonly kind: 'wanted'; readonly secret: KubeObject }
  | { readonly kind: 'problem'; readonly reason: string; readonly message: string }
  | { readonly kind: 'nothing' };

function wantedOf({ credential, observed, route, secret, chosen, newPassword }: CredentialView): Wanted {
  const { uid = '' } = observed.metadata;
  if (route.kind === 'refused') return { kind: 'nothing' };
  if (secret && ownerOf(secret)?.uid !== uid)
    return {
      kind: 'problem',
      reason: 'NameTaken',
      message: `Secret ${kubeKey(secret.metadata)} is not of this SendingCredential: remove it, or give the SendingCredential another name`,
    };
  if (chosen?.kind === 'absent') return { kind: 'problem', reason: 'SecretMissing', message: chosen.problem };
  if (chosen) return { kind: 'wanted', secret: proofSecret(credential, uid, chosen.record) };
  const password = secret ? passwordIn(secret) : newPassword;
  if (password === undefined) return { kind: 'problem', reason: 'SecretChanged', message: CHANGED };
  return { kind: 'wanted', secret: generatedSecret(credential, uid, password, route.cluster) };
}

const CHANGED =
  'the password that was made was changed by hand: delete the Secret to get a new one, or use spec.secretRef for a password of your own';

function writeOf(wanted: KubeObject, found: KubeObject | undefined): CredentialPlan['write'] {
  if (!found) return { how: 'create', object: wanted };
  return isAsWanted(wanted['data'], found['data'])
    ? undefined
    : { how: 'replace', object: { ...found, data: wanted['data'] } };
}

function statusOf(
  view: CredentialView,
  problem: { reason: string; message: string } | undefined,
  isNew: boolean,
): Status {
  const { credential, observed, route, now } = view;
  const generation = observed.metadata.generation ?? 0;
  const before = conditionsOf(observed);
  const isLatched = before.some(({ type, status }) => type === 'Loaded' && status === 'True');
  const loaded = loadedFinding(isLatched && !isNew && view.loaded !== 'nobody-runs' ? 'everywhere' : view.loaded);
  const found = [...summary(progressOf(view, problem, loaded)), acceptedFinding(route), loaded];
  return {
    observedGeneration: generation,
    conditions: conditionsAfter(before, found, { generation, now }),
    username: usernameOf(credential),
    ...lastUsed(view),
    ...(!credential.spec.secretRef && { secretName: `${credential.metadata.name}-credential` }),
  };
}

/** Pods forget when they end; what was said stays. */
function lastUsed({ observed, usedOn }: CredentialView): { readonly lastUsedDate?: string } {
  const known = [lastUsedIn(observed), usedOn]
    .flatMap((it) => it ?? [])
    .toSorted()
    .at(-1);
  return known === undefined ? {} : { lastUsedDate: known };
}

export const lastUsedIn = ({ status }: KubeObject): string | undefined =>
  ((status ?? {}) as { readonly lastUsedDate?: string }).lastUsedDate;

function loadedFinding(loaded: CredentialLoaded): Finding {
  if (loaded === 'everywhere') return { type: 'Loaded', status: 'True', reason: 'Loaded', message: '' };
  return loaded === 'nobody-runs'
    ? { type: 'Loaded', status: 'Unknown', reason: 'NoIngress', message: 'no pod of ingress runs that could take it' }
    : { type: 'Loaded', status: 'False', reason: 'Loading', message: 'not every pod of ingress has it yet' };
}

function progressOf(
  { credential: { spec }, route, missing, now }: CredentialView,
  problem: { reason: string; message: string } | undefined,
  loaded: Finding,
): Progress {
  if (route.kind === 'refused') return { kind: 'stalled', reason: route.reason, message: route.message };
  if (problem) return { kind: 'stalled', reason: problem.reason, message: problem.message };
  if (spec.suspend) return { kind: 'resting', reason: 'Suspended', message: 'spec.suspend is true: nothing is taken' };
  if (spec.expiresAt !== undefined && Date.parse(spec.expiresAt) <= now)
    return { kind: 'resting', reason: 'Expired', message: 'spec.expiresAt is over: set a later one to use it again' };
  if (missing.length > 0)
    return {
      kind: 'waiting',
      reason: 'DomainMissing',
      message: `there is no SendingDomain ${missing.join(', ')}: make it`,
    };
  if (loaded.status === 'True') return { kind: 'ready' };
  return { kind: 'waiting', reason: loaded.reason, message: loaded.message };
}
