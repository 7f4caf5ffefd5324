/**
 * DKIM keys that somebody has already (`existingKeys`): which are to be copied, and what is wrong with the others. Pure.
 *
 * A copy is a key like those that are made here, but for its revision, 0: it signs when its record was seen. It stays while its Secret is
 * away, and goes when that holds another key: two keys cannot have one selector. What is named no more is the rotation's to give up.
 */
import type { SendingDomain, SendingDomainSpec } from '#crds/kinds/sending-domain.ts';
import { keyOf } from '#crds/resource.ts';
import { kindOf, loadKey, pemOf } from '#lib/dkim/key.ts';
import { codeOf, reasonOf } from '#lib/run/fault.ts';
import type { Instant } from '#lib/run/clock.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { keySecret, type KeptKey, pemIn } from './key-secret.ts';

export interface ExistingView {
  readonly domain: SendingDomain;
  /** All keys that are kept for it. */
  readonly keys: readonly KeptKey[];
  /** Secrets of its namespace that it names, by name; of those that are there. */
  readonly secrets: ReadonlyMap<string, KubeObject>;
  readonly now: Instant;
}

export interface ExistingPlan {
  readonly make: readonly KubeObject[];
  /** Copies of what is not there any more. */
  readonly remove: readonly KeptKey[];
  /** What is named and cannot be used, a sentence each. */
  readonly problems: readonly string[];
}

type ExistingKey = SendingDomainSpec['dkim']['existingKeys'][number];

type Judged =
  | { readonly kind: 'kept' }
  | { readonly kind: 'make'; readonly secret: KubeObject }
  | { readonly kind: 'remove'; readonly copy: KeptKey }
  | { readonly kind: 'problem'; readonly problem: string };

export function planExisting(view: ExistingView): ExistingPlan {
  const judged = view.domain.spec.dkim.existingKeys.map((it) => judge(it, view));
  return {
    make: judged.flatMap((it) => (it.kind === 'make' ? [it.secret] : [])),
    remove: judged.flatMap((it) => (it.kind === 'remove' ? [it.copy] : [])),
    problems: judged.flatMap((it) => (it.kind === 'problem' ? [it.problem] : [])),
  };
}

function judge(existing: ExistingKey, { domain, keys, secrets, now }: ExistingView): Judged {
  const { selector, algorithm } = existing;
  const same = keys.filter((it) => it.selector === selector);
  const problem = (why: string): Judged => ({ kind: 'problem', problem: `existing key ${selector}: ${why}` });
  if (same.some(({ revision }) => revision > 0))
    return problem('a key that was made here has this selector: name another');
  const read = readKey(existing, domain, secrets);
  if ('problem' in read) return problem(read.problem);
  const [copy] = same;
  if (!copy) {
    const made = { selector, algorithm, revision: 0, madeAt: now, pem: read.pem };
    return { kind: 'make', secret: keySecret(domain, made) };
  }
  const isEnding = copy.phase === 'Retiring' || copy.phase === 'Retired';
  return pemIn(copy.secret) === read.pem && !isEnding ? { kind: 'kept' } : { kind: 'remove', copy };
}

type ReadKey = { readonly pem: string } | { readonly problem: string };

function readKey(
  { selector, algorithm, secretRef: { name, key } }: ExistingKey,
  { metadata: { namespace }, spec }: SendingDomain,
  secrets: ReadonlyMap<string, KubeObject>,
): ReadKey {
  const place = `key ${key} of Secret ${keyOf({ namespace, name })}`;
  const { [key]: encoded } = (secrets.get(name)?.['data'] ?? {}) as Readonly<Record<string, string>>;
  if (encoded === undefined) return { problem: `there is no ${place}: make it` };
  try {
    const { privateKey } = loadKey(Buffer.from(encoded, 'base64'), selector, spec.domain);
    if (kindOf(privateKey) === algorithm) return { pem: pemOf(privateKey) };
    return { problem: `${place} must be of algorithm ${algorithm}` };
  } catch (thrown) {
    if (codeOf(thrown) !== 'dkim-key-invalid') throw thrown;
    return { problem: reasonOf(thrown) };
  }
}
