/**
 * The keyring of a cluster as Secrets: who signs, compiled as a whole into a fixed number of bundles. Pure.
 *
 * All keys of a domain are in one bundle, which a pod sees at once or not at all: a key takes the place of another in one step. Of a
 * key that retires the bundle says so: workers refuse it from then on, whatever an operator with an older view compiles.
 */
import { createHash } from 'node:crypto';
import { keyFile, retiredFile } from '#lib/keyring/folder.ts';
import { formatBundle, parseBundle } from '#lib/keyring/bundle.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { type Blueprint, childMetadata, childName } from '../workload/child.ts';
import { BUNDLE, DKIM_PARTS, dkimPart } from '../workload/mounts.ts';

/** A key, as the keyring has it. */
export interface KeyringKey {
  readonly namespace: string;
  readonly domain: string;
  readonly selector: string;
  /** Absent: it signs no more. */
  readonly pem?: string;
}

/** Number of the bundle that has a domain's keys. */
export const partOf = (namespace: string, domain: string): number =>
  createHash('sha256').update(`${namespace}/${domain}`).digest().readUInt32BE(0) % DKIM_PARTS;

export const signerFile = (namespace: string, domain: string, selector: string): string =>
  `${namespace}/${keyFile(selector, domain)}`;

/** A Secret for each bundle, also for those that are empty. */
export function keyringSecrets(blueprint: Blueprint, keys: readonly KeyringKey[]): KubeObject[] {
  const byPart = Map.groupBy(keys, ({ namespace, domain }) => partOf(namespace, domain));
  return Array.from({ length: DKIM_PARTS }, (_, part) =>
    bundleSecret(blueprint, dkimPart(part), (byPart.get(part) ?? []).map(fileOf)),
  );
}

const fileOf = ({ namespace, domain, selector, pem }: KeyringKey): [name: string, text: string] =>
  pem === undefined
    ? [`${namespace}/${retiredFile(selector, domain)}`, '']
    : [signerFile(namespace, domain, selector), pem];

function bundleSecret(blueprint: Blueprint, name: string, files: readonly (readonly [string, string])[]): KubeObject {
  const text = formatBundle(new Map(files));
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'postfleet.io/keyring',
    metadata: childMetadata(blueprint, childName(blueprint, name)),
    data: { [BUNDLE]: Buffer.from(text).toString('base64') },
  };
}

/** What a Secret of the keyring holds: names of files, and the revision that pods report when they have loaded it. */
export interface Compiled {
  readonly files: ReadonlySet<string>;
  readonly revision: string;
}

const NOTHING: Compiled = { files: new Set(), revision: '' };
const known = new WeakMap<KubeObject, Compiled>();

export function compiledIn(secret: KubeObject | undefined): Compiled {
  if (!secret) return NOTHING;
  const before = known.get(secret);
  if (before) return before;
  const { [BUNDLE]: encoded = '' } = (secret['data'] ?? {}) as Readonly<Record<string, string>>;
  const bundle = parseBundle(Buffer.from(encoded, 'base64').toString());
  const compiled = bundle ? { files: new Set(bundle.files.keys()), revision: bundle.revision } : NOTHING;
  known.set(secret, compiled);
  return compiled;
}
