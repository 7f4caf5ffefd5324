/**
 * Makes the surroundings that a node expects of the namespaces this process was started in: a network without a way out, and folders
 * that programs know by fixed names, so that none of this machine's is written.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { hideSettings } from './kernel.ts';

/** The node, as its pods reach it. */
export const NODE_ADDRESS = '10.244.0.1';
export const POD_NETWORK = '10.244.0.0/24';
export const SERVICE_NETWORK = '10.96.0.0/16';
export const API_ADDRESS = '10.96.0.1';
export const DNS_ADDRESS = '10.96.0.10';
/** The one bridge: what is on it is reached by the node and by pods. */
export const BRIDGE = 'pods';

/** A file system in memory, gone with the namespace. */
export const DISKS = '/run/disks';

/** Where the runner keeps what outlives the namespaces. */
export function folderOfRun(): string {
  const folder = process.env['POSTFLEET_E2E'];
  if (folder === undefined) throw new Error('these tests run in namespaces of their own: npm run e2e');
  return folder;
}

export function makeMachine(): void {
  hideSettings(join(folderOfRun(), 'settings'));
  run('mount', '-t', 'tmpfs', 'tmpfs', '/run');
  mkdirSync('/run/netns');
  mkdirSync(DISKS);
  run('mount', '-t', 'tmpfs', 'tmpfs', '/var/lib');
  run('mount', '--bind', join(folderOfRun(), 'log'), '/var/log');
  ip('link', 'set', 'lo', 'up');
  ip('link', 'add', BRIDGE, 'type', 'bridge');
  ip('address', 'add', `${NODE_ADDRESS}/24`, 'dev', BRIDGE);
  ip('link', 'set', BRIDGE, 'up');
  // Without it addresses of Services lead nowhere, before they are replaced by those of pods.
  ip('route', 'add', 'default', 'dev', BRIDGE, 'src', NODE_ADDRESS);
  run('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.bridge.bridge-nf-call-iptables=1');
}

/** One more address of this machine. */
export const addAddress = (address: string): void => ip('address', 'add', `${address}/32`, 'dev', BRIDGE);

const ip = (...args: readonly string[]): void => run('ip', ...args);

function run(command: string, ...args: readonly string[]): void {
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
}
