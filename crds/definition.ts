/**
 * The CustomResourceDefinition of a kind, made from its schema: names, columns, subresources. Pure.
 *
 * `generated/` holds the result as YAML, for `kubectl apply --server-side`; `npm run crds` writes it.
 */
import type { KubeType } from '#lib/kube/kube.ts';
import { KINDS, type Kind } from './kinds.ts';
import { type OpenApi, openApiOf } from './schema.ts';
import { STATUSES } from './statuses.ts';

const GROUP = 'postfleet.io';
const VERSION = 'v1alpha1';

interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date';
  readonly jsonPath: string;
  readonly description: string;
  /** 1: only with `-o wide`. */
  readonly priority?: 1;
}

interface Naming {
  readonly plural: string;
  readonly shortName: string;
  /** What the kind is, for `kubectl explain`. */
  readonly description: string;
  readonly columns: readonly Column[];
}

const ofCondition = (type: string, field: string): string => `.status.conditions[?(@.type=="${type}")].${field}`;

const text = (name: string, jsonPath: string, description: string): Column => ({
  name,
  type: 'string',
  jsonPath,
  description,
});
const count = (name: string, jsonPath: string, description: string): Column => ({
  name,
  type: 'integer',
  jsonPath,
  description,
});
const wide = (column: Column): Column => ({ ...column, priority: 1 });

const READY = text('Ready', ofCondition('Ready', 'status'), 'Whether all is as it should be.');
const REASON = text('Reason', ofCondition('Ready', 'reason'), 'Why, as a word.');
const AGE: Column = {
  name: 'Age',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
  description: 'Since when it is.',
};

export const NAMINGS: Readonly<Record<Kind, Naming>> = {
  MTACluster: {
    plural: 'mtaclusters',
    shortName: 'mta',
    description: 'A cluster that takes, queues and delivers mail.',
    columns: [
      READY,
      count('Workers', '.status.readyReplicas', 'Worker pods that are ready.'),
      count('Ingress', '.status.ingress.readyReplicas', 'Ingress pods that are ready.'),
      count('Shards', '.spec.shards', 'Parts the queue is split into.'),
      text('Durability', '.status.durability', 'Whether what is acknowledged is on disk.'),
      text('Version', '.status.version', 'Version that all pods run.'),
      wide(REASON),
      AGE,
    ],
  },
  IPPool: {
    plural: 'ippools',
    shortName: 'ippool',
    description: 'Addresses that mail leaves from.',
    columns: [
      READY,
      count('Available', '.status.availableCount', 'Members that mail leaves from.'),
      count('Members', '.status.memberCount', 'Members that are declared.'),
      wide(text('SPF', '.spec.spfName', "Host of the pool's SPF record.")),
      wide(REASON),
      AGE,
    ],
  },
  SendingDomain: {
    plural: 'sendingdomains',
    shortName: 'sdom',
    description: 'A domain that mail is sent as.',
    columns: [
      text('Domain', '.spec.domain', 'The domain in From and d=.'),
      READY,
      text('Verified', ofCondition('Verified', 'status'), 'Whether DNS has proved it.'),
      REASON,
      wide(text('Pool', '.status.pool.name', 'The pool it sends from.')),
      wide(text('Selector', '.status.activeSelectors[0]', 'Selector of the first key that signs.')),
      wide(text('Message', ofCondition('Ready', 'message'), 'Why, as a sentence.')),
      AGE,
    ],
  },
  DestinationPolicy: {
    plural: 'destinationpolicies',
    shortName: 'dpol',
    description: 'How mail to some destinations is shaped, tried and routed.',
    columns: [text('Match', '.spec.match', 'The destinations.'), READY, REASON, AGE],
  },
  SendingCredential: {
    plural: 'sendingcredentials',
    shortName: 'scred',
    description: 'Who may hand in mail.',
    columns: [
      text('Username', '.status.username', 'What AUTH gives as user.'),
      READY,
      text('LastUsed', '.status.lastUsedDate', 'Last day it was used on.'),
      wide(REASON),
      AGE,
    ],
  },
  EventSink: {
    plural: 'eventsinks',
    shortName: 'esink',
    description: "Where a namespace's events are told.",
    columns: [
      text('URL', '.spec.webhook.url', 'Where events are sent.'),
      READY,
      {
        name: 'FailingSince',
        type: 'date',
        jsonPath: '.status.failingSince',
        description: 'Since when it takes nothing.',
      },
      AGE,
    ],
  },
};

/** Where the objects of each kind are in the API. */
export const typeOfKind = (kind: Kind): KubeType => ({
  group: GROUP,
  version: VERSION,
  plural: NAMINGS[kind].plural,
  kind,
});

/** Where `kubectl scale` and autoscalers read and write how many workers there are. */
const SCALE = {
  specReplicasPath: '.spec.workers.replicas',
  statusReplicasPath: '.status.replicas',
  labelSelectorPath: '.status.selector',
};

/** As the API server takes it. */
export function definitionOf(kind: Kind): object {
  const { plural, shortName, description, columns } = NAMINGS[kind];
  const singular = kind.toLowerCase();
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${GROUP}` },
    spec: {
      group: GROUP,
      scope: 'Namespaced',
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular,
        shortNames: shortNamesOf(singular, shortName),
        categories: ['postfleet'],
      },
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          additionalPrinterColumns: columns,
          subresources: { status: {}, ...(kind === 'MTACluster' && { scale: SCALE }) },
          schema: {
            openAPIV3Schema: { type: 'object', description, required: ['spec'], properties: propertiesOf(kind) },
          },
        },
      ],
    },
  };
}

/** A name that is the singular already is no short one. */
const shortNamesOf = (singular: string, shortName: string): string[] => (singular === shortName ? [] : [shortName]);

function propertiesOf(kind: Kind): Record<string, OpenApi> {
  const { spec, metadata } = openApiOf(KINDS[kind]).properties ?? {};
  const name = metadata?.properties?.['name'] ?? {};
  return {
    apiVersion: { type: 'string', description: 'Version of this schema.' },
    kind: { type: 'string', description: 'Kind of the resource.' },
    // Of metadata a definition may say something about the name alone.
    metadata: { type: 'object', properties: { name } },
    spec: { description: 'What is wanted.', ...spec },
    status: { description: 'What is, as the operator sees it.', ...openApiOf(STATUSES[kind]) },
  };
}
