/**
 * Metrics of the operator, under the names that controllers have everywhere, so that dashboards for those fit. Data only.
 */
import type { Declaration } from './declaration.ts';

/** The kinds that are reconciled, and what is compiled of them. */
const CONTROLLERS = {
  values: {
    mtacluster: 'MTACluster: pods, Services, who may speak to whom',
    ippool: 'IPPool: addresses and their names',
    sendingdomain: 'SendingDomain: keys, records, claims',
    destinationpolicy: 'DestinationPolicy: which of them holds',
    sendingcredential: 'SendingCredential: secrets',
    eventsink: 'EventSink: who may be told',
    keyring: 'Secrets that pods mount',
  },
} as const;

const POOL = { from: 'namespaces and names of the IPPools that clusters accept', most: 1000 };

const SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60];

export const operatingCounters = {
  reconciles: {
    name: 'controller_runtime_reconcile_total',
    help: 'Looks at one resource, by how they ended.',
    unit: 'looks',
    labels: {
      controller: CONTROLLERS,
      result: {
        values: {
          success: 'it is as it should be, as far as this goes',
          requeue_after: 'the same, and time alone will change something',
          requeue: 'somebody else wrote in between: it is looked at again',
          error: 'it failed, and is tried again after a growing pause',
        },
      },
    },
    alert: { none: 'Errors have an alert of their own.' },
  },
  reconcileErrors: {
    name: 'controller_runtime_reconcile_errors_total',
    help: 'Looks at one resource that failed.',
    unit: 'looks',
    labels: { controller: CONTROLLERS },
    alert: {
      name: 'PostfleetReconcileFails',
      when: 'sum by (controller) (rate(controller_runtime_reconcile_errors_total[15m])) > 0.02',
      lasts: '15m',
      severity: 'ticket',
      why: 'The same resource fails again and again: pauses grow to five minutes, so a single failure stays below. The log names the resource and what failed, mostly a right that is missing or an API server that does not answer. Mail goes on.',
    },
  },
  lineAdds: {
    name: 'workqueue_adds_total',
    help: 'Resources that were put in line to be looked at.',
    unit: 'resources',
    labels: { name: CONTROLLERS },
    alert: { none: 'A change is no fault.' },
  },
  lineRetries: {
    name: 'workqueue_retries_total',
    help: 'Resources that were put in line again because a look failed or came too late.',
    unit: 'resources',
    labels: { name: CONTROLLERS },
    alert: { none: 'Errors have an alert of their own.' },
  },
} as const satisfies Record<string, Declaration>;

export const operatingHistograms = {
  reconcileSeconds: {
    name: 'controller_runtime_reconcile_time_seconds',
    help: 'How long a look at one resource takes.',
    unit: 'seconds',
    labels: { controller: CONTROLLERS },
    buckets: SECONDS,
    alert: { none: 'What waits for it has an alert.' },
  },
  lineSeconds: {
    name: 'workqueue_queue_duration_seconds',
    help: 'How long a resource waits in line.',
    unit: 'seconds',
    labels: { name: CONTROLLERS },
    buckets: SECONDS,
    alert: { none: 'The depth of the line has an alert.' },
  },
  lineWorkSeconds: {
    name: 'workqueue_work_duration_seconds',
    help: 'How long a resource is worked on once it has left the line.',
    unit: 'seconds',
    labels: { name: CONTROLLERS },
    buckets: SECONDS,
    alert: { none: 'What waits for it has an alert.' },
  },
} as const satisfies Record<string, Declaration>;

export const operatingGauges = {
  lineDepth: {
    name: 'workqueue_depth',
    help: 'Resources in line to be looked at.',
    unit: 'resources',
    labels: { name: CONTROLLERS },
    alert: {
      name: 'PostfleetOperatorFallsBehind',
      when: 'max by (name) (workqueue_depth) > 100',
      lasts: '15m',
      severity: 'ticket',
      why: 'Changes are declared faster than they are carried out, or the API server is slow. After a start the line is long for a minute or two. Mail goes on as it was declared before.',
    },
  },
  lineUnfinished: {
    name: 'workqueue_unfinished_work_seconds',
    help: 'How long all looks that are under way have lasted.',
    unit: 'seconds',
    labels: { name: CONTROLLERS },
    alert: { none: 'The longest of them tells more.' },
  },
  lineLongest: {
    name: 'workqueue_longest_running_processor_seconds',
    help: 'How long the longest look that is under way has lasted.',
    unit: 'seconds',
    labels: { name: CONTROLLERS },
    alert: {
      name: 'PostfleetReconcileHangs',
      when: 'max by (name) (workqueue_longest_running_processor_seconds) > 300',
      lasts: '5m',
      severity: 'ticket',
      why: 'Every call ends within half a minute and a look makes few, so one that lasts five minutes is a fault of ours. Restart the operator, which harms nothing, and tell us what its log says.',
    },
  },
  activeWorkers: {
    name: 'controller_runtime_active_workers',
    help: 'Looks that are under way.',
    unit: 'looks',
    labels: { controller: CONTROLLERS },
    alert: { none: 'The line in front of them has an alert.' },
  },
  maxConcurrentReconciles: {
    name: 'controller_runtime_max_concurrent_reconciles',
    help: 'Looks that may be under way at a time.',
    unit: 'looks',
    labels: { controller: CONTROLLERS },
    alert: { none: 'It is fixed.' },
  },
  poolMembers: {
    name: 'postfleet_pool_members',
    help: 'Members of each IPPool by how they are, as its status says.',
    unit: 'addresses',
    labels: {
      pool: POOL,
      state: {
        values: {
          Available: 'mail leaves from it',
          WarmingUp: 'the same, as far as its warm-up allows',
          Suspended: 'its pool says that nothing leaves from it',
          Unplumbed: 'no node with an egress proxy holds the address',
          Unhealthy: 'its name in DNS is not as receivers want it, or a blocklist has it',
        },
      },
    },
    alert: {
      name: 'PostfleetAddressesUnfit',
      when: 'max by (pool, state) (postfleet_pool_members{state=~"Unplumbed|Unhealthy"}) > 0',
      lasts: '5m',
      severity: 'ticket',
      why: 'Mail no longer leaves from some addresses of a pool, and the others carry theirs. Five minutes are longer than an egress proxy takes to start. `kubectl get ippool -o yaml` says of each member what is wrong and what to do.',
    },
  },
  poolAvailable: {
    name: 'postfleet_pool_available_members',
    help: 'Members of each IPPool that mail leaves from.',
    unit: 'addresses',
    labels: { pool: POOL },
    alert: {
      name: 'PostfleetPoolHasNoAddress',
      when: 'max by (pool) (postfleet_pool_available_members) < 1',
      lasts: '5m',
      severity: 'page',
      why: 'Nothing leaves from a pool: its mail waits, and is lost to nobody before it expires. A pool all of whose members are suspended counts too: delete it, or let one go. The status of the IPPool says of each member what is wrong and what to do.',
    },
  },
  leader: {
    name: 'leader_election_master_status',
    help: '1 in the process that leads, 0 in those that stand by.',
    unit: 'processes',
    alert: {
      name: 'PostfleetOperatorHasNoLeader',
      when: 'max(leader_election_master_status) < 1',
      lasts: '2m',
      severity: 'ticket',
      why: 'Nobody reconciles: what is declared is not carried out, keys are not rotated, status is old. Mail goes on. Another takes over within 17 seconds, so two minutes mean that none can reach the API server, or none may write the Lease.',
    },
  },
} as const satisfies Record<string, Declaration>;

export type ControllerName = keyof (typeof CONTROLLERS)['values'];
