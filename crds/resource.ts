/**
 * What all kinds share: group and version, metadata, and how a kind is declared.
 *
 * Metadata keeps what this project reads. What the API server adds (uid, managedFields, …) is known and passed over.
 */
import { dnsLabel, objectName } from './address.ts';
import { annotations, labels, shortName } from './parts.ts';
import { type Infer, type Schema, object, oneOf, text } from './schema.ts';

export const API_VERSION = 'postfleet.io/v1alpha1';

export type NameRule = 'short' | 'object';

const metadata = (name: NameRule) =>
  object({
    // An object's name bounds file names and Secret keys made of `<namespace>.<name>.json`: 253 characters in all.
    name: name === 'short' ? shortName() : objectName(180),
    namespace: dnsLabel().default('default'),
    labels: labels(64).default({}),
    annotations: annotations().default({}),
    creationTimestamp: text({ max: 64 }).exactOptional(),
  });

type Metadata = Infer<ReturnType<typeof metadata>>;

export interface Resource<Kind extends string, Spec> {
  readonly apiVersion: typeof API_VERSION;
  readonly kind: Kind;
  readonly metadata: Metadata;
  readonly spec: Spec;
}

/** A whole document of a kind: `spec` is the kind's own. */
export const document = <Kind extends string, Spec extends Schema>(kind: Kind, name: NameRule, spec: Spec) =>
  object({ apiVersion: oneOf(API_VERSION), kind: oneOf(kind), metadata: metadata(name), spec });

/** Fields of a document that only the API server writes; they are no part of what is declared. */
export const SERVER_FIELDS: readonly string[] = [
  'status',
  'metadata.uid',
  'metadata.resourceVersion',
  'metadata.generation',
  'metadata.generateName',
  'metadata.deletionTimestamp',
  'metadata.deletionGracePeriodSeconds',
  'metadata.ownerReferences',
  'metadata.finalizers',
  'metadata.managedFields',
  'metadata.selfLink',
];

/** `namespace/name`: a resource's name among those of its kind. */
export const keyOf = ({ namespace, name }: { readonly namespace: string; readonly name: string }): string =>
  `${namespace}/${name}`;
