/**
 * What each command does: order of commands, extensions offered, envelopes, the policy's word on senders and recipients.
 *
 * Pure. Each function answers one command in one state. Counting errors and closing for too many is left to `dialogue.ts`,
 * which knows an engine's refusal by its code; the policy's refusals are marked `byPolicy`.
 */
import { type Reply, reply } from '#mta/mail/reply.ts';
import { bdat } from './chunking.ts';
import { type AuthStep, type Exchange, continueAuth, startAuth } from './auth.ts';
import { replies } from './replies.ts';
import {
  type Answer,
  type Phase,
  type RcptCommand,
  type Rules,
  type State,
  idle,
  isInTransaction,
  largestMessage,
} from './state.ts';
import type { Envelope } from './submission.ts';
import type { Command } from './verbs.ts';

type Of<Verb extends Command['verb']> = Extract<Command, { readonly verb: Verb }>;

/** `hasMore`: the peer sent on without waiting. */
export function perform<I>(rules: Rules<I>, state: State<I>, command: Command, hasMore: boolean): Answer<I> {
  switch (command.verb) {
    case 'EHLO':
    case 'HELO':
      return greet(rules, state, command);
    case 'STARTTLS':
      return startTls(rules, state, hasMore);
    case 'AUTH':
      return authenticate(rules, state, command);
    case 'MAIL':
      return mail(rules, state, command);
    case 'RCPT':
      return rcpt(rules, state, command);
    case 'DATA':
      return data(rules, state, hasMore);
    case 'BDAT':
      return bdat(rules, state, command);
    case 'RSET':
      return { state: { ...state, phase: idle(state) }, reply: replies.ok };
    case 'NOOP':
      return { state, reply: replies.ok };
    case 'VRFY':
      return { state, reply: replies.cannotVerify };
    case 'HELP':
      return { state, reply: replies.help };
    case 'QUIT':
      return closing(state, replies.bye);
    case 'HTTP':
      return closing(state, replies.notHttp);
    case 'PROXY':
      return closing(state, replies.notYourHeader);
    default:
      return command.ends ? closing(state, command.reply) : { state, reply: command.reply };
  }
}

/** The answer to a line within AUTH. */
export function resumeAuth<I>(state: State<I>, exchange: Exchange, line: string): Answer<I> {
  return authStep({ ...state, phase: { kind: 'ready' } }, continueAuth(exchange, line));
}

const closing = <I>(state: State<I>, said: Reply): Answer<I> => ({
  state: { ...state, phase: { kind: 'closed' } },
  reply: said,
  effect: { kind: 'close' },
});

function greet<I>(rules: Rules<I>, state: State<I>, command: Of<'EHLO' | 'HELO'>): Answer<I> {
  const esmtp = command.verb === 'EHLO';
  const greeted: State<I> = { ...state, phase: { kind: 'ready' }, ehlo: command.name, esmtp };
  return { state: greeted, reply: reply(250, '', esmtp ? offer(rules, state) : rules.hostname) };
}

function offer<I>(rules: Rules<I>, state: State<I>): string {
  const lines = [
    rules.hostname,
    'PIPELINING',
    `SIZE ${rules.limits().messageBytes}`,
    '8BITMIME',
    'CHUNKING',
    'DSN',
    'SMTPUTF8',
  ];
  if (rules.canSecure && state.tls === undefined) lines.push('STARTTLS');
  if (rules.authRequired && state.tls !== undefined) lines.push('AUTH PLAIN LOGIN');
  lines.push('ENHANCEDSTATUSCODES');
  return lines.join('\n');
}

/** What came after STARTTLS in clear was put there by somebody: nothing of it may count (CVE-2011-0411). */
function startTls<I>(rules: Rules<I>, state: State<I>, hasMore: boolean): Answer<I> {
  if (state.tls !== undefined) return { state, reply: replies.tlsActive };
  if (!rules.canSecure) return { state, reply: replies.notOffered };
  if (hasMore) return closing(state, replies.outOfStep);
  return { state: { ...state, phase: { kind: 'handshake' } }, reply: replies.startTls, effect: { kind: 'secure' } };
}

function authenticate<I>(rules: Rules<I>, state: State<I>, command: Of<'AUTH'>): Answer<I> {
  const refusal = authRefusal(rules, state);
  return refusal ? { state, reply: refusal } : authStep(state, startAuth(command.mechanism, command.initial));
}

function authRefusal<I>(rules: Rules<I>, state: State<I>): Reply | undefined {
  if (!rules.authRequired) return replies.notOffered;
  if (state.tls === undefined) return replies.encryptFirst;
  if (!state.esmtp) return replies.sayEhlo;
  if (state.authenticated) return replies.alreadyAuthenticated;
  return isInTransaction(state.phase) ? replies.transactionOpen : undefined;
}

function authStep<I>(state: State<I>, step: AuthStep): Answer<I> {
  switch (step.kind) {
    case 'challenge':
      return {
        state: { ...state, phase: { kind: 'exchange', exchange: step.exchange } },
        reply: reply(334, '', step.challenge),
      };
    case 'credentials':
      return {
        state: { ...state, phase: { kind: 'authenticating' } },
        effect: { kind: 'authenticate', username: step.username, password: step.password },
      };
    default:
      return { state, reply: step.reply };
  }
}

function mail<I>(rules: Rules<I>, state: State<I>, command: Of<'MAIL'>): Answer<I> {
  if (state.messages >= rules.limits().messages) return closing(state, replies.tooManyMessages);
  const refusal = mailRefusal(rules, state, command);
  if (refusal) return { state, reply: refusal };
  const refused = rules.policy.mail(state.identity, command.sender);
  if (refused) return { state, reply: refused, byPolicy: true };
  const { sender, body, smtpUtf8, dsn } = command;
  const extended = { ...(smtpUtf8 && { smtpUtf8 }), ...(dsn && { dsn: { ...dsn, recipients: [] } }) };
  const envelope: Envelope = { sender, recipients: [], body, ...extended };
  return { state: { ...state, phase: { kind: 'transaction', envelope } }, reply: replies.senderOk };
}

function mailRefusal<I>(rules: Rules<I>, state: State<I>, command: Of<'MAIL'>): Reply | undefined {
  if (state.phase.kind === 'start') return replies.sayEhlo;
  if (isInTransaction(state.phase)) return replies.transactionOpen;
  const most = largestMessage(rules, state);
  if (most === undefined)
    return state.tls === undefined && rules.canSecure ? replies.startTlsFirst : replies.authenticationRequired;
  return command.size > most ? replies.tooLarge : undefined;
}

function rcpt<I>(rules: Rules<I>, state: State<I>, command: RcptCommand): Answer<I> {
  if (state.phase.kind !== 'transaction') return { state, reply: outOfOrder(state.phase) };
  const { envelope } = state.phase;
  if (envelope.recipients.length >= rules.limits().recipients) return { state, reply: replies.tooManyRecipients };
  if (command.isUtf8 && !envelope.smtpUtf8) return { state, reply: replies.needsUtf8 };
  const word = rules.policy.rcpt(state.identity, envelope.sender, command.recipient, envelope.recipients);
  if (!(word instanceof Promise)) return decided(state, envelope, command, word);
  return { state: { ...state, phase: { kind: 'checking', envelope, command } }, effect: { kind: 'check', word } };
}

/** The answer to RCPT, when the policy has made up its mind. */
export function recipientChecked<I>(state: State<I>, refusal: Reply | undefined): Answer<I> {
  const { phase } = state;
  return phase.kind === 'checking' ? decided(state, phase.envelope, phase.command, refusal) : { state };
}

function decided<I>(state: State<I>, envelope: Envelope, command: RcptCommand, refusal: Reply | undefined): Answer<I> {
  const kept = refusal ? envelope : withRecipient(envelope, command);
  const next: State<I> = { ...state, phase: { kind: 'transaction', envelope: kept } };
  return refusal ? { state: next, reply: refusal, byPolicy: true } : { state: next, reply: replies.recipientOk };
}

/** Once something is asked about reports there are wishes for each recipient, empty ones for those before. */
function withRecipient(envelope: Envelope, { recipient, dsn }: RcptCommand): Envelope {
  const recipients = [...envelope.recipients, recipient];
  if (!dsn && !envelope.dsn) return { ...envelope, recipients };
  const known = envelope.dsn ?? { recipients: envelope.recipients.map(() => ({})) };
  return { ...envelope, recipients, dsn: { ...known, recipients: [...known.recipients, dsn ?? {}] } };
}

/** What RCPT and DATA are told where they do not belong. */
function outOfOrder({ kind }: Phase): Reply {
  if (kind === 'chunks') return replies.dataAfterBdat;
  return kind === 'failed' ? replies.earlierBdatFailed : replies.sayMail;
}

/** DATA ends a group (RFC 2920 §3.1): who sends on before 354 hides commands in data, or data in commands. */
function data<I>(rules: Rules<I>, state: State<I>, hasMore: boolean): Answer<I> {
  if (hasMore) return closing(state, replies.outOfStep);
  if (state.phase.kind !== 'transaction') return { state, reply: outOfOrder(state.phase) };
  const { envelope } = state.phase;
  if (envelope.recipients.length === 0) return { state, reply: replies.noValidRecipients };
  if (!rules.hasRoom()) return { state: { ...state, phase: { kind: 'ready' } }, reply: replies.noRoom };
  return {
    state: { ...state, phase: { kind: 'receiving', envelope } },
    reply: replies.sendData,
    effect: { kind: 'receive' },
  };
}
