/**
 * Says who a submitting peer is and what that lets them do, from the declared resources and the keyring.
 *
 * Promises: a credential that is suspended, expired, for another protocol or of a suspended scope gives nobody an
 * identity; domains are those of the credential's own namespace and no other; answers follow the newest resources.
 * Left to others: comparing secrets (`lib/keyring`), refusing with a reply (`admit.ts`).
 */
import { keyOf } from '#crds/resource.ts';
import { type SendingCredential, usernameOf } from '#crds/kinds/sending-credential.ts';
import { returnPathHostOf, type SendingDomain } from '#crds/kinds/sending-domain.ts';
import type { Resources } from '#crds/source/resources.ts';
import { matchesNetwork } from '#lib/dns/private-address.ts';
import type { Clock, Duration } from '#lib/run/clock.ts';
import type { Rate } from '../mail/gcra.ts';
import type { LogIn, Unheard } from './logins.ts';
import type { Sharers } from './memory.ts';
import { Rates } from './rates.ts';

/** Who submits: what every later check is about. */
export interface Submitter {
  readonly tenant: string;
  readonly username: string;
}

export interface AuthorityOptions {
  readonly clock: Clock;
  readonly resources: () => Resources;
  readonly verify: LogIn;
  /** Whether a domain has a key that may sign now. */
  readonly hasKey: (domain: SendingDomain) => boolean;
  /** Whether a domain is proven in DNS. Absent: none is. */
  readonly proof?: (domain: SendingDomain) => DomainProof;
  /** Told of each credential whose secret let somebody in, or for which a message came. Must not throw. */
  readonly used?: ((username: string) => void) | undefined;
}

/** `publish`: the record that would prove it, `TXT name value`, where there is one yet. */
export type DomainProof =
  | { readonly kind: 'proven' }
  | { readonly kind: 'unproven'; readonly publish: string | undefined }
  /** Somebody else proved it before. */
  | { readonly kind: 'taken' };

export type Protocol = 'SMTP' | 'HTTP';

/** What a credential may be used for. */
export type Scope = SendingCredential['spec']['scopes'][number];

/** `unknown`: the secret is nobody's. `forbidden`: it is right, but may not be used so now. `unheard`: nobody looked. */
export type Bearer =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'forbidden' }
  | { readonly kind: 'unheard'; readonly why: Unheard }
  | { readonly kind: 'submitter'; readonly submitter: Submitter };

export class Authority {
  readonly #options: AuthorityOptions;
  readonly #rates = new Rates();

  constructor(options: AuthorityOptions) {
    this.#options = options;
  }

  /** Whoever a peer at `address` may send as without a secret: the first usable credential that trusts its network. */
  trusted(address: string): Submitter | undefined {
    const credential = this.#options
      .resources()
      .credentials.find(
        (it) =>
          it.spec.networks.some((network) => matchesNetwork(address, network)) && this.#isUsable(it, 'SMTP', 'Submit'),
      );
    return credential && submitterOf(credential);
  }

  /** Who has a secret; a wrong one and a right one that may not be used are told apart only to who has it. */
  async bearer(
    username: string,
    secret: string,
    address: string,
    protocol: Protocol,
    scope: Scope = 'Submit',
  ): Promise<Bearer> {
    const isRight = await this.#options.verify(username, secret, address);
    if (typeof isRight !== 'boolean') return { kind: 'unheard', why: isRight };
    const credential = this.#options.resources().credential(username);
    if (!isRight || !credential) return { kind: 'unknown' };
    if (!this.#isUsable(credential, protocol, scope)) return { kind: 'forbidden' };
    this.#options.used?.(username);
    return { kind: 'submitter', submitter: submitterOf(credential) };
  }

  /** Still allowed to submit: a long session ends when its credential does. */
  isValid(submitter: Submitter, protocol: Protocol = 'SMTP', scope: Scope = 'Submit'): boolean {
    const credential = this.#options.resources().credential(submitter.username);
    return credential !== undefined && this.#isUsable(credential, protocol, scope);
  }

  /** Takes one message of the credential's rate; what it may and when there is room, when there is none now. */
  takeRate({ username }: Submitter): { readonly rate: Rate; readonly retryAfter: Duration } | undefined {
    this.#options.used?.(username);
    const rate = this.#options.resources().credential(username)?.spec.rate;
    const retryAfter = rate && this.#rates.take(username, rate, this.#options.clock.monotonic());
    return rate && retryAfter !== undefined ? { rate, retryAfter } : undefined;
  }

  /** The `SendingDomain` that lets `submitter` send as `domain`, or undefined. */
  domainFor(submitter: Submitter, domain: string): SendingDomain | undefined {
    return this.#domainsOf(submitter).find((it) => it.spec.domain === domain);
  }

  /** Whether an envelope sender at `domain` is the submitter's: a domain of theirs, or its return-path host. */
  mayReturnTo(submitter: Submitter, domain: string): boolean {
    return this.#domainsOf(submitter).some((it) => it.spec.domain === domain || returnPathHostOf(it) === domain);
  }

  hasKey(domain: SendingDomain): boolean {
    return this.#options.hasKey(domain);
  }

  /** What admission asks of a domain that needs proof. */
  proof(domain: SendingDomain): DomainProof {
    return this.#options.proof?.(domain) ?? { kind: 'unproven', publish: undefined };
  }

  #domainsOf(submitter: Submitter): readonly SendingDomain[] {
    const resources = this.#options.resources();
    const credential = resources.credential(submitter.username);
    if (!credential) return [];
    const names = credential.spec.domainRefs;
    if (!names) return resources.domains.filter((it) => it.metadata.namespace === submitter.tenant);
    return names.flatMap(({ name }) => resources.domain(keyOf({ namespace: submitter.tenant, name })) ?? []);
  }

  #isUsable({ spec }: SendingCredential, protocol: Protocol, scope: Scope): boolean {
    if (spec.suspend || !spec.scopes.includes(scope) || !spec.protocols.includes(protocol)) return false;
    return spec.expiresAt === undefined || new Date(spec.expiresAt).getTime() > this.#options.clock.now();
  }
}

const submitterOf = (credential: SendingCredential): Submitter => ({
  tenant: credential.metadata.namespace,
  username: usernameOf(credential),
});

/** For whom memory is held while a submitter's mail comes in. */
export const sharersOf = ({ tenant, username }: Submitter): Sharers => [`tenant ${tenant}`, `credential ${username}`];
