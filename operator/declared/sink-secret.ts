/**
 * The Secret of an `EventSink`, and what the keyring has of it. Pure.
 */
import type { EventSink } from '#crds/kinds/event-sink.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { MANAGED_BY } from '../workload/child.ts';

export interface SinkKeys {
  /** `whsec_…`. */
  readonly signing: string;
  /** It was made here: what the receiver verifies with is read from the Secret. */
  readonly isMade: boolean;
  /** A line each. */
  readonly headers: string;
}

const TYPE = 'postfleet.io/sink';
/** Standard Webhooks takes 24 to 64 bytes. */
export const SIGNING_KEY_BYTES = 32;

export const newSigningKey = (bytes: Buffer): string => `whsec_${bytes.toString('base64')}`;

export const sinkName = ({ metadata }: EventSink): string => `${metadata.name}-webhook`;

export function sinkSecret(sink: EventSink, uid: string, { signing, isMade, headers }: SinkKeys): KubeObject {
  const { apiVersion, kind, metadata } = sink;
  const owner = { apiVersion, kind, name: metadata.name, uid, controller: true, blockOwnerDeletion: true };
  const said = { 'signing.key': signing, made: String(isMade), headers };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: TYPE,
    metadata: {
      name: sinkName(sink),
      namespace: metadata.namespace,
      labels: { ...MANAGED_BY },
      ownerReferences: [owner],
    },
    data: Object.fromEntries(Object.entries(said).map(([name, text]) => [name, Buffer.from(text).toString('base64')])),
  };
}

/** What is in the Secret of a sink; undefined for any other. */
export function sinkKeysIn({ type, data }: KubeObject): SinkKeys | undefined {
  const texts = (data ?? {}) as Readonly<Record<string, string>>;
  const text = (name: string): string => Buffer.from(texts[name] ?? '', 'base64').toString();
  const signing = text('signing.key');
  if (type !== TYPE || signing === '') return undefined;
  return { signing, isMade: text('made') === 'true', headers: text('headers') };
}

/** The sink's file in the keyring, for who delivers. */
export const sinkFile = ({ metadata: { namespace, name } }: EventSink, keys: SinkKeys): readonly [string, string] => [
  `${namespace}/${name}.json`,
  JSON.stringify({ v: 1, signing: keys.signing, headers: keys.headers === '' ? [] : keys.headers.split(/\r?\n/) }),
];
