/**
 * The declared world of one process, kept up to date: resources from a folder or from Kubernetes, and the keyring.
 *
 * What is wrong with a change is logged, once per change, and the last good state stays in use. Keys and secrets that a change
 * calls for are made before the next mail needs them, unless somebody else makes them for several processes.
 */
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import type { Resources } from '#crds/source/resources.ts';
import { openFolder } from '#crds/source/folder.ts';
import { problemLine, type ResourceSource } from '#crds/source/source.ts';
import { type FolderKeyring, openKeyring } from '#lib/keyring/folder.ts';
import { provision } from '#lib/keyring/provision.ts';
import { type Endpoint, keyringFolder, type Provisioned } from '#lib/keyring/surroundings.ts';
import { provisionReturnPath } from '#lib/keyring/provision-return-path.ts';
import { type Clock, type Duration, type Timer, hours } from '#lib/run/clock.ts';
import { reasonOf } from '#lib/run/fault.ts';
import type { Log } from '#lib/run/log.ts';
import { metrics } from '#lib/run/metrics.ts';
import type { Random } from '#lib/run/random.ts';
import type { KubernetesWorld } from '../roles/kubernetes.ts';

export interface DeclaredOptions {
  /** Folder of resources, where `kubernetes` does not say them, and of the secrets that they name. */
  readonly config: string;
  /** Where resources are when they are in no folder; keys and secrets are somebody else's then. */
  readonly kubernetes?: KubernetesWorld | undefined;
  readonly data: string;
  /** Keys and secrets that somebody else makes, for several processes. Absent: they are made here, in the data folder. */
  readonly keyring?: string | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** What was declared last, for a start without the API server. */
const SNAPSHOT = 'declared.json';
/** How often keys are looked at for their age. */
const AGING: Duration = hours(1);

export class Declared {
  readonly #options: DeclaredOptions;
  readonly #source: ResourceSource;
  readonly #keyring: FolderKeyring;
  readonly #listeners: (() => void)[] = [];
  #taking: Promise<void> = Promise.resolve();
  #aging: Timer;

  private constructor(options: DeclaredOptions, source: ResourceSource, keyring: FolderKeyring) {
    this.#options = options;
    this.#source = source;
    this.#keyring = keyring;
    this.#aging = options.clock.after(AGING, () => this.#age());
    source.onChange(() => {
      this.#taking = this.#taking.then(() => this.#take());
    });
  }

  /** Faults: `config-invalid`, `keyring-invalid`, each with a line per problem. A missing secret is only logged. */
  static async open(options: DeclaredOptions): Promise<Declared> {
    const source = await openSource(options);
    try {
      const { problems } = await fill(options, source.current());
      for (const reason of problems) options.log.error('a key or secret is missing', { reason });
      const keyring = keyringFolder(options.keyring ?? options.data);
      return new Declared(options, source, await openKeyring(keyring, options.clock));
    } catch (thrown) {
      await source.close();
      throw thrown;
    }
  }

  resources(): Resources {
    return this.#source.current();
  }

  keyring(): FolderKeyring {
    return this.#keyring;
  }

  /** What the operator says of a domain, by `namespace/name`; undefined where there is no operator. */
  domainStatus(key: string): object | undefined {
    return this.#source.statusOf('SendingDomain', key);
  }

  /** Calls `listener` after each change, when keys and secrets for it are there. Must not throw. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** What keeps the newest files from being in use, a line each. */
  problems(): readonly string[] {
    return [...this.#source.problems().map(problemLine), ...this.#keyring.problems()];
  }

  async close(): Promise<void> {
    this.#aging.cancel();
    await this.#source.close();
    await this.#taking;
    this.#keyring.close();
  }

  /** Keys of return paths are followed by new ones, whether resources change or not. */
  #age(): void {
    this.#aging = this.#options.clock.after(AGING, () => this.#age());
    this.#taking = this.#taking.then(() => this.#renewKeys());
  }

  async #renewKeys(): Promise<void> {
    const { config, data, keyring, clock, random, log } = this.#options;
    if (keyring !== undefined) return;
    try {
      const around = { dataFolder: data, configFolder: config, clock, random };
      const { made } = await provisionReturnPath(this.resources().domains, around);
      if (made.length > 0) await this.#keyring.reread();
    } catch (thrown) {
      log.error('a new key for return paths cannot be made', { reason: reasonOf(thrown) });
    }
  }

  async #take(): Promise<void> {
    const { log } = this.#options;
    try {
      const { made, problems } = await fill(this.#options, this.#source.current());
      if (made.length > 0) await this.#keyring.reread();
      for (const reason of problems) log.error('a key or secret is missing', { reason });
    } catch (thrown) {
      log.error('keys and secrets cannot be made', { reason: reasonOf(thrown) });
    }
    for (const listener of this.#listeners) listener();
    const all = this.problems();
    metrics.resourceProblems.set(all.length);
    for (const reason of all) log.error('the last good resources stay in use', { reason });
    if (all.length === 0) log.info('resources were read anew', { config: this.#options.config });
  }
}

async function openSource({ config, data, kubernetes, ...around }: DeclaredOptions): Promise<ResourceSource> {
  if (!kubernetes) return openFolder(config, around.clock);
  // Only where it is asked for is anything of it loaded.
  const { openKubernetes } = await import('#crds/source/kubernetes.ts');
  return openKubernetes({ ...around, ...kubernetes, snapshot: join(data, SNAPSHOT) });
}

async function fill({ keyring, data, ...options }: DeclaredOptions, resources: Resources): Promise<Provisioned> {
  return keyring === undefined ? provisionAll({ ...options, data }, resources) : { made: [], problems: [] };
}

/** Makes what keys and secrets the resources call for and are not there. */
export function provisionAll(
  { config, data, clock, random }: Pick<DeclaredOptions, 'config' | 'data' | 'clock' | 'random'>,
  resources: Resources,
): Promise<Provisioned> {
  const endpoint = endpointOf(resources);
  return provision(resources, { dataFolder: data, configFolder: config, clock, random, ...(endpoint && { endpoint }) });
}

/** Where senders connect to: the first SMTP listener. */
export function endpointOf({ clusters }: Resources): Endpoint | undefined {
  const listener = clusters[0]?.spec.ingress.listeners.find((it) => it.protocol === 'SMTP' || it.protocol === 'SMTPS');
  if (!listener) return undefined;
  const scheme = listener.protocol === 'SMTP' ? 'smtp' : 'smtps';
  return { scheme, host: listener.address ?? '127.0.0.1', port: listener.port };
}

/** Where programs reach the HTTP API: the first listener of it. */
export function apiUrlOf({ clusters }: Resources): string | undefined {
  const listener = clusters[0]?.spec.ingress.listeners.find((it) => it.protocol === 'HTTP' || it.protocol === 'HTTPS');
  if (!listener) return undefined;
  const { address = '127.0.0.1', port } = listener;
  return `${listener.protocol.toLowerCase()}://${isIPv6(address) ? `[${address}]` : address}:${port}`;
}
