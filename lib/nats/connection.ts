/**
 * A connection to a NATS cluster: one for a process, found again by itself for as long as the process lives.
 *
 * A silent server is noticed in seconds, not in the minutes of the library's defaults. What was asked when the connection
 * broke ends as unknown, never as failed: whoever asked finds out what became of it.
 */
import {
  type Authenticator,
  connect,
  createInbox,
  errors,
  headers,
  jwtAuthenticator,
  type MsgHdrs,
  type NatsConnection,
  nkeyAuthenticator,
  usernamePasswordAuthenticator,
} from '@nats-io/transport-node';
import type { Duration } from '../run/clock.ts';
import { seconds } from '../run/clock.ts';
import { Fault, reasonOf } from '../run/fault.ts';
import type { Credentials } from './credentials.ts';

/** Where servers are, and how they are spoken to. */
export interface Access {
  readonly servers: readonly string[];
  /** Absent: as anybody. Looked at each time that a server is connected to: others may have followed. */
  readonly credentials?: { readonly current: Credentials } | undefined;
  /** Absent: in clear, unless the servers will not have it. With it nothing is said to a server that does not prove its name. */
  readonly tls?: Trust | undefined;
}

/** Whom servers are to be signed by. */
export interface Trust {
  /** PEM; absent: whoever the machine trusts. */
  readonly ca?: string | undefined;
}

export interface ConnectOptions extends Access {
  /** Shown by the servers' own monitoring. */
  readonly name: string;
}

/** A message that goes out. */
export interface Outgoing {
  readonly subject: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: Uint8Array;
}

/** A message as it comes. */
export interface Heard {
  readonly payload: Buffer;
  /** '' for one it has not. */
  header(name: string): string;
  /** The subject its answer goes to; '' when none is waited for. */
  readonly replyTo: string;
  /** It is not a message: nobody hears the subject that was sent to. */
  readonly isNobody: boolean;
}

/** What a server says of itself. */
export interface ServerSays {
  readonly name: string;
  /** Bytes a message may have, its header included. */
  readonly maxPayload: number;
}

/** A server's answer in the place of one (ADR-22). */
const NO_RESPONDERS = 503;
const PING_EVERY: Duration = seconds(5);
const PINGS_UNANSWERED = 2;
const RECONNECT_AFTER = 250;
const ANSWER_WITHIN: Duration = seconds(2);

export class Connection {
  /** What the files beside this one build on. */
  readonly library: NatsConnection;

  private constructor(library: NatsConnection) {
    this.library = library;
  }

  /** Faults: `nats-away` when no server answers, `nats-refused` when one does not know who we are, `nats-insecure`. */
  static async open({ servers, name, credentials, tls }: ConnectOptions): Promise<Connection> {
    try {
      return new Connection(
        await connect({
          servers: [...servers],
          name,
          pingInterval: PING_EVERY,
          maxPingOut: PINGS_UNANSWERED,
          maxReconnectAttempts: -1,
          reconnectTimeWait: RECONNECT_AFTER,
          // A stack trace for each request, in case it fails.
          noAsyncTraces: true,
          // Servers that are given new accounts refuse everybody for a moment.
          ignoreAuthErrorAbort: true,
          ...(credentials && { authenticator: (nonce) => authenticatorOf(credentials.current)(nonce) }),
          ...(tls && { tls: tls.ca === undefined ? {} : { ca: tls.ca } }),
        }),
      );
    } catch (cause) {
      throw notOpened(servers.join(', '), cause, tls !== undefined);
    }
  }

  /** The server this connection goes to now. */
  get server(): ServerSays {
    const { info } = this.library;
    return { name: info?.server_name ?? '', maxPayload: info?.max_payload ?? 0 };
  }

  /** Sends without waiting for anything. */
  publish(message: Outgoing, replyTo?: string): void {
    const options = { headers: headersOf(message), ...(replyTo !== undefined && { reply: replyTo }) };
    this.library.publish(message.subject, message.payload, options);
  }

  /** Calls `heard` with each message of a subject until it is stopped. Must not throw. */
  hear(subject: string, heard: (it: Heard) => void): { stop(): void } {
    const subscription = this.library.subscribe(subject, {
      callback: (broken, it) => {
        if (broken) return;
        const payload = Buffer.from(it.data.buffer, it.data.byteOffset, it.data.byteLength);
        const isNobody = payload.length === 0 && it.headers?.code === NO_RESPONDERS;
        heard({ payload, header: (name) => it.headers?.get(name) ?? '', replyTo: it.reply ?? '', isNobody });
      },
    });
    return { stop: () => subscription.unsubscribe() };
  }

  /** A subject that nobody else knows. */
  newInbox(): string {
    return createInbox();
  }

  /** The answer's bytes. Fault `nats-unknown` when none comes: what was asked may have been done. */
  async request(message: Outgoing, timeout: Duration = ANSWER_WITHIN): Promise<Uint8Array> {
    try {
      const answer = await this.library.request(message.subject, message.payload, {
        headers: headersOf(message),
        timeout,
      });
      return answer.data;
    } catch (cause) {
      throw new Fault('nats-unknown', `no answer from NATS at ${message.subject}: ${reasonOf(cause)}`, { cause });
    }
  }

  /** Hears what is sent to a subject from now on, also when the connection was lost meanwhile; then not what was sent then. */
  subscribe(subject: string, hear: (payload: Uint8Array) => void): { stop(): void } {
    const subscription = this.library.subscribe(subject, {
      callback: (fault, message) => {
        if (!fault) hear(message.data);
      },
    });
    return { stop: () => subscription.unsubscribe() };
  }

  /** Resolves when the server has read all that was sent. */
  async flush(): Promise<void> {
    await this.library.flush();
  }

  async close(): Promise<void> {
    await this.library.close();
  }
}

function authenticatorOf(credentials: Credentials): Authenticator {
  if (credentials.kind === 'password') return usernamePasswordAuthenticator(credentials.user, credentials.password);
  const seed = new TextEncoder().encode(credentials.seed);
  return credentials.kind === 'jwt' ? jwtAuthenticator(credentials.jwt, seed) : nkeyAuthenticator(seed);
}

/** Why there is no connection, with the next step. What a library says of credentials may quote them. */
function notOpened(where: string, cause: unknown, isEncrypted: boolean): Fault {
  if (cause instanceof errors.AuthorizationError || cause instanceof errors.UserAuthenticationExpiredError)
    return new Fault('nats-refused', `NATS at ${where} does not let us in: give it credentials that it knows`);
  if (isEncrypted && !/ECONNREFUSED|timeout/i.test(reasonOf(cause)))
    return new Fault('nats-insecure', `NATS at ${where} does not prove who it is: ${reasonOf(cause)}`, { cause });
  return new Fault('nats-away', `no NATS server answers at ${where}: start one, or name another`, { cause });
}

function headersOf({ headers: named }: Outgoing): MsgHdrs {
  const made = headers();
  for (const name in named) made.set(name, named[name] ?? '');
  return made;
}
