/**
 * What a conversation asks of the policy, and the answers as inputs of the dialogue.
 *
 * Promises: nothing it answers rejects or throws. An error of the policy is observed and becomes what is said of a server
 * that cannot tell: 451, 454, or nobody trusted.
 */
import type { Reply } from '#mta/mail/reply.ts';
import { replies } from './replies.ts';
import type { Input } from './state.ts';
import type { Envelope, Peer, SmtpObserver, SmtpPolicy } from './submission.ts';

export class Asking<Identity> {
  readonly #policy: SmtpPolicy<Identity>;
  readonly #observer: Pick<SmtpObserver, 'failed'>;
  readonly #listener: string;

  constructor(policy: SmtpPolicy<Identity>, observer: Pick<SmtpObserver, 'failed'>, listener: string) {
    this.#policy = policy;
    this.#observer = observer;
    this.#listener = listener;
  }

  /** Who a peer is by its network, before it said anything; a policy that cannot tell trusts nobody. */
  trust(peer: Pick<Peer, 'address' | 'port' | 'listener'>): Identity | undefined {
    try {
      return this.#policy.trust({ ...peer, tls: undefined, ehlo: '', esmtp: false });
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }

  async check(word: Promise<Reply | undefined>): Promise<Input<Identity>> {
    try {
      return { kind: 'checked', refusal: await word };
    } catch (error) {
      this.#failed(error);
      return { kind: 'checked', refusal: replies.cannotCheck };
    }
  }

  async accept(identity: Identity | undefined, peer: Peer, envelope: Envelope, raw: Buffer): Promise<Input<Identity>> {
    try {
      return { kind: 'accepted', reply: await this.#policy.accept(identity, peer, envelope, raw) };
    } catch (error) {
      this.#failed(error);
      return { kind: 'accepted', reply: replies.notStored };
    }
  }

  async authenticate(peer: Peer, username: string, password: string): Promise<Input<Identity>> {
    try {
      const login = await this.#policy.authenticate(peer, username, password);
      if (login.kind === 'identity') return { kind: 'authenticated', identity: login.identity };
      return { kind: 'not-authenticated', because: login.kind === 'busy' ? 'unavailable' : login.kind };
    } catch (error) {
      this.#failed(error);
      return { kind: 'not-authenticated', because: 'unavailable' };
    }
  }

  #failed(error: unknown): void {
    this.#observer.failed(this.#listener, error);
  }
}
