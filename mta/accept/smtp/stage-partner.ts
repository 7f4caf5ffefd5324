/**
 * For tests: a conversation with a policy that has simple rules, played without a socket.
 *
 * `user` with password `secret` may log in; asking for `broken` makes the check itself fail,
 * `locked` and `busy` are what they say. Senders `refused@`, recipients
 * `nobody@` and messages of `reject@` are refused, messages of `crash@` make the policy throw.
 */
import { reply } from '#mta/mail/reply.ts';
import { Conversation, type ConversationContext, type ConversationOptions } from './conversation.ts';
import { ReceivingMemory } from '../memory.ts';
import { type SmtpLimits, defaultLimits } from './limits.ts';
import type { Envelope, Peer, SmtpObserver, SmtpPolicy } from './submission.ts';

export interface Accepted {
  readonly identity: string | undefined;
  readonly peer: Peer;
  readonly envelope: Envelope;
  readonly raw: string;
}

export function simplePolicy(accepted: Accepted[], trusted?: string): SmtpPolicy<string> {
  return {
    trust: () => trusted,
    async authenticate(_peer, username, password) {
      if (username === 'broken') throw new Error('the directory is away');
      if (username === 'locked' || username === 'busy') return { kind: username };
      return username === 'user' && password === 'secret'
        ? { kind: 'identity', identity: username }
        : { kind: 'wrong' };
    },
    mail: (_identity, sender) => (sender.startsWith('refused@') ? reply(550, '5.7.1', 'Not your domain') : undefined),
    sharers: (identity) => [identity],
    rcpt: (_identity, _sender, to) => (to.startsWith('nobody@') ? reply(550, '5.1.1', 'No such user') : undefined),
    async accept(identity, peer, envelope, raw) {
      if (envelope.sender.startsWith('crash@')) throw new Error('a bug');
      if (envelope.sender.startsWith('reject@')) return reply(554, '5.7.1', 'Not\r\nwelcome');
      accepted.push({ identity, peer, envelope, raw: raw.toString('latin1') });
      return reply(250, '2.0.0', `Queued as ${accepted.length}`);
    },
  };
}

export const silentObserver: SmtpObserver = {
  opened: () => undefined,
  closed: () => undefined,
  turnedAway: () => undefined,
  replied: () => undefined,
  failed: () => undefined,
};

export interface StageOptions {
  readonly trusted?: string;
  readonly authRequired?: boolean;
  readonly canSecure?: boolean;
  readonly isFamiliar?: boolean;
  readonly limits?: Partial<SmtpLimits>;
  readonly policy?: Partial<SmtpPolicy<string>>;
  readonly observer?: Partial<SmtpObserver>;
}

/** One conversation; `said` collects what the server sends. */
export class StagePartner {
  readonly accepted: Accepted[] = [];
  readonly memory: ReceivingMemory;
  readonly conversation: Conversation<string>;
  said = '';
  isClosed = false;
  isSecuring = false;

  constructor(options: StageOptions = {}) {
    const limits = { ...defaultLimits, ...options.limits };
    this.memory = new ReceivingMemory(() => limits.receivingBytes);
    const policy = { ...simplePolicy(this.accepted, options.trusted), ...options.policy };
    const observer = { ...silentObserver, ...options.observer };
    const context: ConversationContext<string> = {
      hostname: 'mail.example',
      policy,
      limits: () => limits,
      memory: this.memory,
      observer,
    };
    this.conversation = new Conversation(context, conversationOptions(options), {
      send: (text) => (this.said += text),
      secure: () => (this.isSecuring = true),
      close: () => (this.isClosed = true),
      turned: () => undefined,
    });
  }

  /** Sends one burst, waits until the policy has answered, and returns what was said since. */
  async send(bytes: string | Buffer): Promise<string> {
    this.conversation.receive(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
    return this.heard();
  }

  async heard(): Promise<string> {
    while (this.conversation.waitingFor === 'policy') await Promise.resolve();
    const { said } = this;
    this.said = '';
    return said;
  }

  /** The handshake has succeeded. */
  secure(): void {
    this.isSecuring = false;
    this.conversation.secured('TLSv1.3 TEST');
  }
}

function conversationOptions({
  authRequired = false,
  canSecure = false,
  isFamiliar = false,
}: StageOptions): ConversationOptions {
  return { peer: { address: '192.0.2.1', port: 40_000, listener: 'test' }, authRequired, canSecure, isFamiliar };
}

/** A conversation that has gone as far as EHLO. */
export async function greeted(options: StageOptions = {}): Promise<StagePartner> {
  const partner = new StagePartner(options);
  partner.conversation.begin();
  await partner.send('EHLO client.example\r\n');
  return partner;
}

/** A conversation that has been told 354. */
export async function readyForData(options: StageOptions = {}): Promise<StagePartner> {
  const partner = await greeted(options);
  await partner.send('MAIL FROM:<a@client.example>\r\nRCPT TO:<b@mail.example>\r\nDATA\r\n');
  return partner;
}

/** The codes of replies, one per reply. */
export const codes = (said: string): number[] => [...said.matchAll(/^(\d{3}) /gm)].map((match) => Number(match[1]));
