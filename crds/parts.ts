/**
 * Parts that several kinds are made of: references, grants, pods' settings, quotas. No kind of its own.
 */
import { dnsLabel, objectName } from './address.ts';
import { type Infer, flag, integer, list, listBy, object, oneOf, opaque, ruled, text, textMap } from './schema.ts';

/** Names of `MTACluster` and `IPPool`: they become subject tokens and names of children. */
export const shortName = () => dnsLabel(40);

/** A key of a Secret is also a file name: never `.`, `..` or a path. */
const secretKeyName = () =>
  text({
    max: 253,
    pattern: /^\.?[-_a-zA-Z0-9][-._a-zA-Z0-9]*$/,
    says: 'must be letters, digits, hyphens, underscores and dots, such as password or key.pem',
  });

/** One key of a Secret in the resource's own namespace. */
export const secretRef = () =>
  object({
    name: objectName().describe('Name of the Secret.'),
    key: secretKeyName().describe('Key in the Secret.'),
  });
export type SecretRef = Infer<ReturnType<typeof secretRef>>;

/** A whole Secret in the resource's own namespace. */
export const secretName = () => object({ name: objectName().describe('Name of the Secret.') });

/** A resource whose name is short, in this namespace or, where its owner grants it, in another. */
export const grantedRef = (what: string) =>
  object({
    name: shortName().describe(`Name of the ${what}.`),
    namespace: dnsLabel().exactOptional().describe(`Namespace of the ${what}; its own when absent.`),
  });
export type GrantedRef = Infer<ReturnType<typeof grantedRef>>;

/** Labels: up to `max`. */
export const labels = (max: number) => textMap(max, { key: 317, value: 63 });

export const labelSelector = () =>
  object({
    matchLabels: labels(32).exactOptional().describe('Labels that must be there with exactly these values.'),
    matchExpressions: list(
      object({
        key: text({ max: 317 }).describe('The label.'),
        operator: oneOf('In', 'NotIn', 'Exists', 'DoesNotExist').describe('How it is compared with the values.'),
        values: list(text({ max: 63, min: 0 }), 64)
          .exactOptional()
          .describe('For In and NotIn.'),
      }),
      16,
    )
      .exactOptional()
      .describe('All of these must hold.'),
  });
export type LabelSelector = Infer<ReturnType<typeof labelSelector>>;

/** Which namespaces may name the resource that holds this. */
export const grant = () =>
  ruled(
    object({
      from: oneOf('Same', 'All', 'Selector').default('Same').describe('Own namespace, all, or those selected.'),
      selector: labelSelector().exactOptional().describe('Labels of the namespaces, for `Selector`.'),
    }),
    {
      cel: "(self.from == 'Selector') == has(self.selector)",
      message: 'must have a selector exactly when from is Selector',
      holds: ({ from, selector }) => (from === 'Selector') === (selector !== undefined),
    },
  );
export type Grant = Infer<ReturnType<typeof grant>>;

/** Settings of pods that cannot raise their rights. What is Kubernetes' own is checked by it when the pods are made. */
export const pods = () =>
  object({
    resources: opaque().exactOptional().describe("Requests and limits, as a container's `resources`."),
    nodeSelector: labels(32).exactOptional().describe('Labels of the nodes to run on.'),
    tolerations: list(opaque(), 32).exactOptional().describe("As a pod's `tolerations`."),
    affinity: opaque().exactOptional().describe("As a pod's `affinity`."),
    topologySpreadConstraints: list(opaque(), 16).exactOptional().describe("As a pod's `topologySpreadConstraints`."),
    priorityClassName: objectName().exactOptional().describe('Name of a PriorityClass.'),
    labels: labels(64).exactOptional().describe('Labels added to the pods.'),
    annotations: textMap(64, { key: 317, value: 8192 }).exactOptional().describe('Annotations added to the pods.'),
    imagePullSecrets: listBy('name', secretName(), 16).exactOptional().describe('Secrets to pull the image with.'),
  });

export const annotations = () => textMap(64, { key: 317, value: 65_536 });

/** How many messages a tenant may hand in. Absent means no quota. */
export const quota = () =>
  object({
    perHour: integer(0, 1_000_000_000).exactOptional().describe('Recipients in any hour.'),
    perDay: integer(0, 1_000_000_000).exactOptional().describe('Recipients in any day.'),
  });

/** So much over time, evenly; `what` in the plural. `unsaid`: the burst when none is said. */
export const rate = (what: string, unsaid = '1') =>
  object({
    count: integer(1, 1_000_000_000).describe(`${what} …`),
    perSeconds: integer(1, 86_400).describe('… in so many seconds.'),
    burst: integer(1, 1_000_000)
      .exactOptional()
      .describe(`${what} that may go at once after a pause; ${unsaid} when absent.`),
  });

export const suspend = (what: string) => flag().default(false).describe(what);
