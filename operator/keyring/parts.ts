/**
 * The keyring of a cluster as Secrets: who signs and who is let in, compiled as a whole into a fixed number of bundles. Pure.
 *
 * All keys of a domain are in one bundle, which a pod sees at once or not at all: a key takes the place of another in one step. Of a
 * key that retires the bundle says so: workers refuse it from then on, whatever an operator with an older view compiles.
 */
import { createHash } from 'node:crypto';
import { credentialFile, keyFile, retiredFile } from '#lib/keyring/folder.ts';
import type { CredentialRecord } from '#lib/keyring/keyring.ts';
import { type Bundle, formatBundle, parseBundle } from '#lib/keyring/bundle.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { type Blueprint, childMetadata, childName } from '../workload/child.ts';
import {
  BUNDLE,
  CREDENTIAL_PARTS,
  credentialsPart,
  DKIM_PARTS,
  dkimPart,
  type KeyringPart,
  RETURN_PATH_PART,
  SINK_PART,
} from '../workload/mounts.ts';

/** A key, as the keyring has it. */
export interface KeyringKey {
  readonly namespace: string;
  readonly domain: string;
  readonly selector: string;
  /** Absent: it signs no more. Asked when its part is made: all at once are many megabytes. */
  readonly pem?: () => string;
}

export interface KeyringContents {
  readonly keys: readonly KeyringKey[];
  readonly credentials: readonly CredentialRecord[];
  /** Keys of return paths: files by name. */
  readonly returnPath: ReadonlyMap<string, string>;
  /** What signs webhooks: files by name. */
  readonly sinks: ReadonlyMap<string, string>;
}

/** Number of the bundle that has a domain's keys. */
export const partOf = (namespace: string, domain: string): number => spread(`${namespace}/${domain}`, DKIM_PARTS);

/** Number of the bundle that has a credential. */
export const credentialPartOf = (username: string): number => spread(username, CREDENTIAL_PARTS);

const spread = (name: string, over: number): number =>
  createHash('sha256').update(name).digest().readUInt32BE(0) % over;

export const signerFile = (namespace: string, domain: string, selector: string): string =>
  `${namespace}/${keyFile(selector, domain)}`;

/** A Secret whose text is not made yet: of thousands of keys it is a megabyte. */
export interface Draft {
  readonly name: string;
  readonly make: () => KubeObject;
}

/** A Secret for each bundle, also for those that are empty. */
export function keyringDrafts(
  blueprint: Blueprint,
  { keys, credentials, returnPath, sinks }: KeyringContents,
): Draft[] {
  const byPart = Map.groupBy(keys, ({ namespace, domain }) => partOf(namespace, domain));
  const records = Map.groupBy(credentials, ({ username }) => credentialPartOf(username));
  return [
    ...Array.from({ length: DKIM_PARTS }, (_, part) =>
      draft(blueprint, dkimPart(part), () => (byPart.get(part) ?? []).map(fileOf)),
    ),
    ...Array.from({ length: CREDENTIAL_PARTS }, (_, part) =>
      draft(blueprint, credentialsPart(part), () => (records.get(part) ?? []).map(recordFile)),
    ),
    draft(blueprint, RETURN_PATH_PART, () => [...returnPath]),
    draft(blueprint, SINK_PART, () => [...sinks]),
  ];
}

const draft = (blueprint: Blueprint, part: KeyringPart, files: () => Parameters<typeof bundleSecret>[2]): Draft => ({
  name: childName(blueprint, part.name),
  make: () => bundleSecret(blueprint, childName(blueprint, part.name), files()),
});

const recordFile = (record: CredentialRecord): [name: string, text: string] => [
  credentialFile(record.username),
  JSON.stringify(record),
];

const fileOf = ({ namespace, domain, selector, pem }: KeyringKey): [name: string, text: string] =>
  pem === undefined
    ? [`${namespace}/${retiredFile(selector, domain)}`, '']
    : [signerFile(namespace, domain, selector), pem()];

function bundleSecret(blueprint: Blueprint, name: string, files: readonly (readonly [string, string])[]): KubeObject {
  const text = formatBundle(new Map(files));
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'postfleet.io/keyring',
    metadata: childMetadata(blueprint, name),
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
  const bundle = bundleIn(secret);
  const compiled = bundle ? { files: new Set(bundle.files.keys()), revision: bundle.revision } : NOTHING;
  known.set(secret, compiled);
  return compiled;
}

/** The files of a Secret of the keyring; none in one that cannot be read. */
export const filesIn = (secret: KubeObject | undefined): ReadonlyMap<string, string> =>
  (secret && bundleIn(secret)?.files) ?? new Map<string, string>();

function bundleIn(secret: KubeObject): Bundle | undefined {
  const { [BUNDLE]: encoded = '' } = (secret['data'] ?? {}) as Readonly<Record<string, string>>;
  return parseBundle(Buffer.from(encoded, 'base64').toString());
}
