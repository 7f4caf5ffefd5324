/**
 * Return paths as the resources and the keyring have them now: what a message is sent from, and what may come back.
 *
 * Only a `SendingDomain` whose `returnPathHost` is written down has a signed return path: its DNS must lead mail for that
 * host to one of our listeners, which nobody promises of a default. The null sender stays null. A host belongs to the
 * tenants that declare it; a return path made for one tenant is nobody's at another's host.
 */
import type { Resources } from '#crds/source/resources.ts';
import type { Keyring } from '#lib/keyring/keyring.ts';
import { signingKeyOf } from '#lib/keyring/return-path-key.ts';
import type { Clock } from '#lib/run/clock.ts';
import type { Returned } from '../accept/returns/place.ts';
import { domainOf, type Message } from '../mail/message.ts';
import { readReturnPath, signReturnPath } from '../mail/return-path.ts';

export interface ReturnPathsOptions {
  readonly resources: () => Resources;
  readonly keyring: () => Keyring;
  readonly clock: Clock;
}

interface Hosts {
  readonly of: Resources;
  /** The host of a domain, by `tenant domain`. */
  readonly byDomain: ReadonlyMap<string, string>;
  readonly tenants: ReadonlyMap<string, ReadonlySet<string>>;
}

export class ReturnPaths {
  readonly #options: ReturnPathsOptions;
  #hosts: Hosts | undefined;

  constructor(options: ReturnPathsOptions) {
    this.#options = options;
  }

  /** The envelope sender of a message on its way to the recipient at `index`. One HMAC, or none. */
  senderOf({ id, tenant, domain, sender }: Message, index: number): string {
    if (sender === '') return sender;
    const host = this.#table().byDomain.get(`${tenant} ${domain}`);
    if (host === undefined) return sender;
    const now = this.#options.clock.now();
    const key = signingKeyOf(this.#options.keyring().returnPathKeys(), now);
    return key ? signReturnPath({ tenant, host }, { message: id, index }, key, now) : sender;
  }

  /** What an address in canonical form says; undefined, whatever may be wrong with it, when it is no return path of ours. */
  read(address: string): Returned | undefined {
    const host = domainOf(address);
    const { keyring, clock } = this.#options;
    for (const tenant of this.#table().tenants.get(host) ?? []) {
      const returning = readReturnPath({ tenant, host }, address, keyring().returnPathKeys(), clock.now());
      if (returning) return { tenant, ...returning };
    }
    return undefined;
  }

  #table(): Hosts {
    const resources = this.#options.resources();
    if (this.#hosts?.of !== resources) this.#hosts = hostsOf(resources);
    return this.#hosts;
  }
}

function hostsOf(resources: Resources): Hosts {
  const byDomain = new Map<string, string>();
  const tenants = new Map<string, Set<string>>();
  for (const { metadata, spec } of resources.domains) {
    const host = spec.returnPathHost;
    if (host === undefined) continue;
    byDomain.set(`${metadata.namespace} ${spec.domain}`, host);
    tenants.set(host, (tenants.get(host) ?? new Set()).add(metadata.namespace));
  }
  return { of: resources, byDomain, tenants };
}
