/**
 * Listening sockets of one SMTP server, and who of those who connect is let in.
 *
 * All listeners of a server share its policy, limits and memory. `listen` resolves when connections are taken; it rejects
 * with a `Fault` (`address-in-use`, `address-not-available`, `port-not-permitted`, `listen-failed`). A connection over
 * a limit is told 421 and closed at once; it never reaches a session. A load balancer's connections count for the
 * address that their PROXY header names; without a header they are closed unheard.
 */
import assert from 'node:assert/strict';
import { type Server, type Socket, createServer } from 'node:net';
import type { SecureContext } from 'node:tls';
import type { Clock, Duration } from '#lib/run/clock.ts';
import { Fault, codeOf } from '#lib/run/fault.ts';
import { formatReply } from '#mta/mail/reply.ts';
import type { Doors, Excess } from '#lib/address/doors.ts';
import type { ReceivingMemory } from '../memory.ts';
import type { SmtpLimits } from './limits.ts';
import { Pressure } from './pressure.ts';
import { type Introduction, readIntroduction } from './proxied.ts';
import { type Endpoint, plainAddress } from './proxy.ts';
import { replies } from './replies.ts';
import { Session, type SessionContext } from './session.ts';
import type { SmtpObserver, SmtpPolicy } from './submission.ts';

export interface SmtpServerOptions<Identity> {
  /** Greets, answers EHLO, and completes `<Postmaster>`. */
  readonly hostname: string;
  readonly policy: SmtpPolicy<Identity>;
  /** Asked each time, so that limits can change. */
  readonly limits: () => SmtpLimits;
  /** Counts connections of all ways in. */
  readonly doors: Doors;
  /** Where messages are held while they come in, by all ways in. */
  readonly memory: ReceivingMemory;
  readonly clock: Clock;
  readonly observer: SmtpObserver;
}

export interface ListenerOptions {
  readonly name: string;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** TLS from the first byte (RFC 8314), rather than by STARTTLS. */
  readonly implicitTls: boolean;
  /**
   * The certificate to use now, asked at each handshake, so that it can change. Absent: no STARTTLS. A listener needs a
   * context of its own: a session of TLS is resumed by whoever has the context it was made with.
   */
  readonly secureContext?: () => SecureContext;
  /** AUTH is offered under TLS, and MAIL is refused without it unless the policy trusts the network. */
  readonly authRequired: boolean;
  /** Whose connections must begin with a PROXY header; nobody else's is believed. Nobody's when absent. */
  readonly isBalancer?: (address: string) => boolean;
  /** To whom the limits for strangers do not apply: connections per address, errors, commands without mail. */
  readonly isFamiliar?: (address: string) => boolean;
}

export interface Listener {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /**
   * Takes no more connections; those open finish their transaction, hear 421 and close. Resolves when the last is gone,
   * by force after `drain`, or after `content` where a message is past DATA by then. Calling it again waits for the same.
   */
  close(drain: Duration, content?: Duration): Promise<void>;
}

/** The connections of one listener: in a session, and still to say for whom they come. */
interface Guests<Identity> {
  readonly sessions: Set<Session<Identity>>;
  readonly waiting: Set<Socket>;
}

export class SmtpServer<Identity> {
  readonly #options: SmtpServerOptions<Identity>;
  readonly #context: SessionContext<Identity>;
  readonly #pressure: Pressure;
  readonly #sessions = new Set<Session<Identity>>();

  constructor(options: SmtpServerOptions<Identity>) {
    const { doors, memory } = options;
    const fills = () => ({ connections: doors.fill, memory: memory.fill });
    this.#pressure = new Pressure(options.limits, fills, () => this.#hurry());
    this.#options = options;
    this.#context = { ...options, limits: () => this.#pressure.limits() };
  }

  /** Whether connections or memory are scarce, so that peers are given less time. */
  /** What holds now, for every way in. */
  get limits(): SmtpLimits {
    return this.#pressure.limits();
  }

  get isPressed(): boolean {
    return this.#pressure.isOn;
  }

  async listen(options: ListenerOptions): Promise<Listener> {
    assert(!options.implicitTls || options.secureContext, 'implicit TLS needs a certificate');
    const guests: Guests<Identity> = { sessions: new Set(), waiting: new Set() };
    const server = createServer({ allowHalfOpen: true }, (socket) => this.#connected(socket, options, guests));
    await listening(server, options);
    // From here on an error concerns one connection that could not be taken (no file descriptor left).
    server.on('error', (error) => this.#options.observer.failed(options.name, error));
    return new OpenListener(server, options, guests, this.#options.clock);
  }

  #connected(socket: Socket, options: ListenerOptions, guests: Guests<Identity>): void {
    const { remoteAddress, remotePort = 0 } = socket;
    if (remoteAddress === undefined) {
      socket.destroy();
      return;
    }
    const from = { address: plainAddress(remoteAddress), port: remotePort };
    if (options.isBalancer?.(from.address)) this.#hearBalancer(socket, from, options, guests);
    else this.#arrived(socket, from, options, guests);
  }

  /** It counts as a connection from its first byte on, so that silence cannot fill the process. */
  #hearBalancer(socket: Socket, from: Endpoint, options: ListenerOptions, guests: Guests<Identity>): void {
    const { clock, doors, observer } = this.#options;
    const tooMany = doors.enter(undefined);
    if (tooMany) return this.#turnAway(socket, options, tooMany);
    guests.waiting.add(socket);
    readIntroduction(socket, clock, this.#context.limits().handshakeTime, (introduction: Introduction) => {
      guests.waiting.delete(socket);
      doors.leave(undefined);
      if (introduction.kind === 'introduced') this.#arrived(socket, introduction.source ?? from, options, guests);
      if (introduction.kind === 'refused') observer.turnedAway(options.name, 'no-proxy-header');
    });
  }

  #arrived(socket: Socket, from: Endpoint, options: ListenerOptions, guests: Guests<Identity>): void {
    const isFamiliar = options.isFamiliar?.(from.address) ?? false;
    const tooMany = this.#options.doors.enter(from.address, isFamiliar);
    if (tooMany) this.#turnAway(socket, options, tooMany);
    else this.#admit(socket, from, isFamiliar, options, guests.sessions);
  }

  #turnAway(socket: Socket, { name, implicitTls }: ListenerOptions, because: Excess): void {
    this.#options.observer.turnedAway(name, because);
    socket.on('error', () => socket.destroy());
    if (!implicitTls) socket.write(formatReply(replies.tooManyConnections));
    socket.destroySoon();
  }

  #admit(
    socket: Socket,
    from: Endpoint,
    isFamiliar: boolean,
    options: ListenerOptions,
    sessions: Set<Session<Identity>>,
  ): void {
    const { name, implicitTls, authRequired, secureContext } = options;
    const { address } = from;
    const peer = { ...from, listener: name };
    const session = new Session(socket, this.#context, { peer, implicitTls, authRequired, secureContext, isFamiliar });
    void session.gone.then(() => {
      sessions.delete(session);
      this.#sessions.delete(session);
      this.#options.doors.leave(address);
      this.#options.observer.closed(name);
    });
    sessions.add(session);
    this.#sessions.add(session);
    this.#options.observer.opened(name);
    session.start();
  }

  #hurry(): void {
    for (const session of this.#sessions) session.hurry();
  }
}

class OpenListener<Identity> implements Listener {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly #server: Server;
  readonly #guests: Guests<Identity>;
  readonly #clock: Clock;
  #closing: Promise<void> | undefined;

  constructor(server: Server, options: ListenerOptions, guests: Guests<Identity>, clock: Clock) {
    const address = server.address();
    this.name = options.name;
    this.host = options.host;
    this.port = address !== null && typeof address === 'object' ? address.port : options.port;
    this.#server = server;
    this.#guests = guests;
    this.#clock = clock;
  }

  close(drain: Duration, content = drain): Promise<void> {
    this.#closing ??= this.#drained(drain, content);
    return this.#closing;
  }

  async #drained(drain: Duration, content: Duration): Promise<void> {
    const { sessions, waiting } = this.#guests;
    const timers = [
      this.#clock.after(drain, () => {
        for (const session of sessions) if (content <= drain || !session.isPastData) session.destroy();
      }),
      this.#clock.after(content, () => {
        for (const session of sessions) session.destroy();
      }),
    ];
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of waiting) socket.destroy();
    for (const session of sessions) session.drain();
    await Promise.all([closed, ...[...sessions].map((session) => session.gone)]);
    for (const timer of timers) timer.cancel();
  }
}

async function listening(server: Server, { name, host, port }: ListenerOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(listenFault(error, `${name} (${host}:${port})`)));
    server.listen({ host, port, backlog: 1024 }, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
}

function listenFault(cause: Error, listener: string): Fault {
  switch (codeOf(cause)) {
    case 'EADDRINUSE':
      return new Fault(
        'address-in-use',
        `Listener ${listener}: the port is taken; stop the other program or choose another port.`,
        { cause },
      );
    case 'EADDRNOTAVAIL':
      return new Fault(
        'address-not-available',
        `Listener ${listener}: this machine does not have the address; choose one it has.`,
        { cause },
      );
    case 'EACCES':
      return new Fault(
        'port-not-permitted',
        `Listener ${listener}: ports below 1024 need a privilege; grant it or choose a higher port.`,
        { cause },
      );
    default:
      return new Fault('listen-failed', `Listener ${listener}: ${cause.message}`, { cause });
  }
}
