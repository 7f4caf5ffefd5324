/**
 * How much those who hand in mail may ask for, declared once for `MTACluster`. Every limit has one meaning and one reply.
 *
 * Bounds and defaults only. What each reply is, is decided where mail is accepted.
 */
import { type Infer, integer, object, ruled } from './schema.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

/** Most bytes that a message may be allowed to have. */
export const LARGEST_MESSAGE = 100 * MIB;
/** Most recipients that a message may be allowed to have: the queue numbers up to 4096. */
export const MOST_RECIPIENTS = 4000;

/** A message doubles its buffer as it grows, and one sender may hold half of what is there. */
const MESSAGES_IN_MEMORY = 4;

export const ingressLimits = () =>
  ruled(
    object({
      connections: integer(1, 1_000_000).default(10_000).describe('Connections at a time, over all listeners: 421.'),
      connectionsPerAddress: integer(1, 1_000_000)
        .default(1000)
        .describe('Connections at a time from one IPv4 address or one IPv6 network of 64 bits: 421.'),
      receivingBytes: integer(4 * MIB, 1024 * 1024 * MIB)
        .default(256 * MIB)
        .describe('Bytes of messages on their way in, by SMTP and HTTP together: 452 or 503.'),
      messageBytes: integer(64 * KIB, LARGEST_MESSAGE)
        .default(25 * MIB)
        .describe('Bytes of a message, and of an HTTP request that carries one: 552 or 413.'),
      headerBytes: integer(4 * KIB, MIB)
        .default(128 * KIB)
        .describe("Bytes of a message's header: 552."),
      headerFields: integer(10, 100_000).default(1000).describe("Fields of a message's header: 552."),
      recipientsPerMessage: integer(1, MOST_RECIPIENTS)
        .default(1000)
        .describe('Recipients of a message: 452, the others stay; by HTTP 422.'),
      messagesPerConnection: integer(1, 1_000_000)
        .exactOptional()
        .describe(
          'Messages on one connection, so that load balancers can move it: 421 at the next. No limit when absent.',
        ),
      errors: integer(1, 100_000).default(20).describe("A stranger's errors since the last accepted message: 421."),
      idleCommands: integer(1, 100_000)
        .default(100)
        .describe("A stranger's commands without mail since the last accepted message: 421."),
      loginFailures: integer(1, 1000).default(3).describe('Wrong passwords on one connection: 421.'),
      guesses: integer(1, 1_000_000)
        .default(10)
        .describe(
          'Wrong passwords for one account from one address (IPv6: 64 bits) before it is locked for that address for 15 minutes, five times as many over all accounts: 421 or 429.',
        ),
      commandSeconds: integer(1, 3600).default(300).describe('Seconds until a whole command has come: 421.'),
      dataSeconds: integer(1, 3600)
        .default(180)
        .describe('Longest silence within a message: 421. By HTTP 30 at most: 408.'),
      dataBytesPerSecond: integer(1, 1_000_000).default(500).describe('Slowest pace of a message: 421; by HTTP 408.'),
      handshakeSeconds: integer(1, 600).default(30).describe('Seconds for TLS to begin, then the connection is cut.'),
    }),
    {
      cel: `self.receivingBytes >= ${MESSAGES_IN_MEMORY} * self.messageBytes`,
      message: `must have receivingBytes of at least ${MESSAGES_IN_MEMORY} times messageBytes`,
      holds: ({ receivingBytes, messageBytes }) => receivingBytes >= MESSAGES_IN_MEMORY * messageBytes,
    },
  );
export type IngressLimits = Infer<ReturnType<typeof ingressLimits>>;
