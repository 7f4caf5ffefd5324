/**
 * How much a peer may ask of the engine, as declared.
 *
 * Every limit has one meaning and one reply; the replies are in `replies.ts`.
 */
import { type IngressLimits, ingressLimits } from '#crds/ingress-limits.ts';
import { type Duration, seconds } from '#lib/run/clock.ts';

export interface SmtpLimits {
  /** SIZE of RFC 1870: bytes of a message as received, without transparency dots. */
  readonly messageBytes: number;
  readonly headerBytes: number;
  readonly headerFields: number;
  /** RCPT accepted in one transaction; RFC 5321 §4.5.3.1.8 asks for at least 100. */
  readonly recipients: number;
  /** Messages accepted on one connection. */
  readonly messages: number;
  /** Errors of a peer since its last accepted message. */
  readonly errors: number;
  /** Commands that carry no mail since the last accepted message. */
  readonly junk: number;
  /** Wrong passwords in one connection. */
  readonly loginFailures: number;
  /** Wrong passwords for one account from one network, over all connections. */
  readonly guesses: number;
  /** Bytes of unfinished and unanswered messages in the whole process. */
  readonly receivingBytes: number;
  readonly connections: number;
  readonly connectionsPerAddress: number;
  /** From a reply to the end of the next command: bytes that trickle in do not extend it. */
  readonly commandTime: Duration;
  /** Longest silence within a message (RFC 5321 §4.5.3.2.5). */
  readonly dataTime: Duration;
  /** Slowest message: each byte buys 1/rate of a second, never more than `dataTime` ahead. */
  readonly dataBytesPerSecond: number;
  readonly handshakeTime: Duration;
  /** How long a peer may take to close after our last reply. */
  readonly closingTime: Duration;
}

/** Limits as the engine counts them. */
export const limitsOf = (spec: IngressLimits): SmtpLimits => ({
  messageBytes: spec.messageBytes,
  headerBytes: spec.headerBytes,
  headerFields: spec.headerFields,
  recipients: spec.recipientsPerMessage,
  messages: spec.messagesPerConnection ?? Infinity,
  errors: spec.errors,
  junk: spec.idleCommands,
  loginFailures: spec.loginFailures,
  guesses: spec.guesses,
  receivingBytes: spec.receivingBytes,
  connections: spec.connections,
  connectionsPerAddress: spec.connectionsPerAddress,
  commandTime: seconds(spec.commandSeconds),
  dataTime: seconds(spec.dataSeconds),
  dataBytesPerSecond: spec.dataBytesPerSecond,
  handshakeTime: seconds(spec.handshakeSeconds),
  closingTime: seconds(5),
});

export const defaultLimits: SmtpLimits = limitsOf(ingressLimits().parse({}));
