/**
 * What the command line of `postfleet ingress` and `postfleet worker` takes, which pods are started with too, and that of `postfleet standalone`.
 */
import { EXAMPLE } from './settings.ts';

export interface RoleFlag {
  /** As it is written, with its value: `--data <folder>`. */
  readonly flag: string;
  readonly does: string;
  readonly standard?: string;
  readonly isRequired?: true;
}

export const ROLE_FLAGS: readonly RoleFlag[] = [
  { flag: '--config <folder>', does: 'resources, with exactly one MTACluster that names spec.queue.nats' },
  { flag: '--cluster <namespace/name>', does: 'in place of --config: an MTACluster in Kubernetes' },
  {
    flag: '--watch-namespaces <names>',
    does: 'with --cluster: whose resources are read, commas between (default: all)',
  },
  { flag: '--mounts <folder>', does: 'with --cluster: what resources refer to, as secrets/<name>/<key>' },
  { flag: '--data <folder>', does: 'what this process alone knows', isRequired: true },
  {
    flag: '--keyring <folder>',
    does: 'keys and secrets, made by `postfleet provision` or the operator',
    isRequired: true,
  },
  { flag: '--metrics <address>', does: 'metrics and health', standard: '127.0.0.1:9464' },
  { flag: '--admin <address>', does: 'admin API', standard: '127.0.0.1:8081' },
  {
    flag: '--hostname <name>',
    does: 'our own name in greetings and Received (default: the name of this machine)',
  },
  {
    flag: '--nats-monitor <url...>',
    does: 'where NATS servers say how they are set (default: port 8222 of each)',
  },
  {
    flag: '--allow-unsynced',
    does: 'go on where NATS may lose what it answered for when its machines lose their power',
  },
  {
    flag: '--drain-seconds <count>',
    does: 'longest wait at the end for deliveries that have begun',
    standard: '660',
  },
];

export const STANDALONE_FLAGS: readonly RoleFlag[] = [
  { flag: '--config <folder>', does: 'resources, with exactly one MTACluster', standard: EXAMPLE },
  { flag: '--data <folder>', does: 'queue, keys and secrets (default: .data/<name of the config folder>)' },
  { flag: '--fresh', does: 'empty the data folder first' },
  { flag: '--metrics <address>', does: 'metrics and health', standard: '127.0.0.1:9464' },
  { flag: '--admin <address>', does: 'admin API', standard: '127.0.0.1:8081' },
  { flag: '--hostname <name>', does: 'our own name in greetings and Received (default: the name of this machine)' },
];
