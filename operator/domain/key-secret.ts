/**
 * A DKIM key as the Secret that keeps it: what it is, in data that never changes, and how far it is, in annotations. Pure.
 *
 * The selector is chosen when the Secret is made and only read afterwards: a restored backup keeps its selectors. The Secret belongs to
 * nobody: what is restored with another uid, or whose `SendingDomain` was deleted by mistake, is not swept away with a key that DNS
 * knows. A key that somebody brought is kept as a copy: what becomes of the Secret that it came in stops no mail. A name follows from the domain's and the revision, so that two who make a key make one.
 */
import type { SendingDomain } from '#crds/kinds/sending-domain.ts';
import { type KeyKind, loadKey } from '#lib/dkim/key.ts';
import type { Phase, RotatingKey } from '#lib/dkim/rotation.ts';
import { familyOf } from '#lib/dkim/selector.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import type { Instant } from '#lib/run/clock.ts';
import { MANAGED_BY } from '../workload/child.ts';

/** Of the `SendingDomain` that it is made for. */
const DOMAIN = 'postfleet.io/sending-domain';
const PHASE = 'postfleet.io/phase';
const SINCE = 'postfleet.io/phase-since';
const TYPE = 'postfleet.io/dkim-key';

export interface KeptKey extends RotatingKey {
  readonly domain: string;
  /** The Secret as it was read. */
  readonly secret: KubeObject;
}

export interface NewKey {
  readonly selector: string;
  readonly algorithm: KeyKind;
  /** 0: somebody brought it. */
  readonly revision: number;
  readonly madeAt: Instant;
  readonly pem: string;
}

export function keySecret({ metadata, spec }: SendingDomain, key: NewKey): KubeObject {
  const { selector, algorithm, revision, madeAt, pem } = key;
  const said = {
    selector,
    algorithm,
    revision: String(revision),
    domain: spec.domain,
    madeAt: momentOf(madeAt),
    'private.pem': pem,
  };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: TYPE,
    immutable: true,
    metadata: {
      name: `${metadata.name}-dkim-${revision === 0 ? `own.${selector}` : `${familyOf(algorithm)}${revision}`}`,
      namespace: metadata.namespace,
      labels: { ...MANAGED_BY },
      annotations: { [DOMAIN]: metadata.name, [PHASE]: 'Pending', [SINCE]: momentOf(madeAt) },
    },
    data: Object.fromEntries(Object.entries(said).map(([name, text]) => [name, Buffer.from(text).toString('base64')])),
  };
}

const momentOf = (at: Instant): string => new Date(at).toISOString();

/** Name of the `SendingDomain` in the Secret's namespace that it holds a key for, or undefined for any other Secret. */
export const domainOf = ({ metadata, type }: KubeObject): string | undefined =>
  type === TYPE ? metadata.annotations?.[DOMAIN] : undefined;

const PHASES: readonly Phase[] = ['Pending', 'Published', 'Verified', 'Active', 'Retiring', 'Retired'];
const KINDS: readonly KeyKind[] = ['RSA2048', 'RSA4096', 'Ed25519'];

/** The key, or undefined when the Secret is not one that was made here. Whether it was brought is for who knows what is named. */
export function keyIn(secret: KubeObject): KeptKey | undefined {
  const text = (name: string): string => textIn(secret, name);
  const { annotations = {} } = secret.metadata;
  const algorithm = KINDS.find((it) => it === text('algorithm'));
  // Annotations may have been lost on the way through a backup: then everything is seen anew.
  const phase = PHASES.find((it) => it === annotations[PHASE]) ?? 'Pending';
  const madeAt = Date.parse(text('madeAt'));
  const [selector, revision] = [text('selector'), Number(text('revision'))];
  const isWhole = algorithm && selector !== '' && pemIn(secret) !== '' && text('revision') !== '' && revision >= 0;
  if (!isWhole || Number.isNaN(madeAt)) return undefined;
  const parsed = Date.parse(annotations[SINCE] ?? '');
  const since = Number.isNaN(parsed) ? madeAt : parsed;
  return { selector, algorithm, revision, isBrought: false, madeAt, phase, since, domain: text('domain'), secret };
}

/** The private key. Read each time: of thousands it is seldom wanted. */
export const pemIn = (secret: KubeObject): string => textIn(secret, 'private.pem');

function textIn(secret: KubeObject, name: string): string {
  const { [name]: encoded = '' } = (secret['data'] ?? {}) as Readonly<Record<string, string>>;
  return Buffer.from(encoded, 'base64').toString();
}

const records = new WeakMap<KubeObject, string>();

/** Text of the key's record, made once for each state of its Secret. */
export function publicRecord({ secret, selector, domain }: KeptKey): string {
  const record = records.get(secret) ?? loadKey(pemIn(secret), selector, domain).record;
  records.set(secret, record);
  return record;
}

/** The Secret with the key's phase as it is to be; for writing over the one that was read. */
export function inPhase({ secret }: KeptKey, { phase, since }: RotatingKey): KubeObject {
  const annotations = { ...secret.metadata.annotations, [PHASE]: phase, [SINCE]: momentOf(since) };
  return { ...secret, metadata: { ...secret.metadata, annotations } };
}
