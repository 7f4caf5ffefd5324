/**
 * The proxy's listening socket: who is let in, and how it ends.
 *
 * `listen` resolves when connections are taken; it rejects with a `Fault` (`address-in-use`, `listen-failed`). A connection over a
 * limit is closed unheard. Left to others: what is said on a connection (`session.ts`).
 */
import { createServer, type Server, type Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import type { Doors, Excess } from '#lib/address/doors.ts';
import type { Duration } from '#lib/run/clock.ts';
import { codeOf, Fault, reasonOf } from '#lib/run/fault.ts';
import { type EgressContext, EgressSession } from './session.ts';

export interface EgressServerOptions extends EgressContext {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly doors: Doors;
  /** The certificate to use now, asked at each connection. Absent: clients speak in clear. */
  readonly secureContext?: (() => SecureContext) | undefined;
  readonly turnedAway: (because: Excess) => void;
}

export class EgressServer {
  readonly host: string;
  readonly port: number;
  readonly #server: Server;
  readonly #options: EgressServerOptions;
  readonly #sessions: Set<EgressSession>;
  #closing: Promise<void> | undefined;

  private constructor(server: Server, options: EgressServerOptions, sessions: Set<EgressSession>) {
    const address = server.address();
    this.host = options.host;
    this.port = address !== null && typeof address === 'object' ? address.port : options.port;
    this.#server = server;
    this.#options = options;
    this.#sessions = sessions;
  }

  static async listen(options: EgressServerOptions): Promise<EgressServer> {
    const sessions = new Set<EgressSession>();
    const server = createServer({ allowHalfOpen: true }, (socket) => admit(socket, options, sessions));
    await listening(server, options);
    // From here on an error concerns one connection that could not be taken (no file descriptor left).
    server.on('error', () => undefined);
    return new EgressServer(server, options, sessions);
  }

  get connections(): number {
    return this.#sessions.size;
  }

  /**
   * Takes no more; who has no connection yet is cut, those that hand bytes on may end within `drain`. Resolves when the last is
   * gone. Calling it again waits for the same.
   */
  close(drain: Duration): Promise<void> {
    this.#closing ??= this.#drained(drain);
    return this.#closing;
  }

  async #drained(drain: Duration): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const it of this.#sessions) if (!it.isRelaying) it.destroy();
    const timer = this.#options.clock.after(drain, () => {
      for (const it of this.#sessions) it.destroy();
    });
    await Promise.all([closed, ...[...this.#sessions].map((it) => it.gone)]);
    timer.cancel();
  }
}

function admit(socket: Socket, options: EgressServerOptions, sessions: Set<EgressSession>): void {
  const { remoteAddress } = socket;
  if (remoteAddress === undefined) return void socket.destroy();
  const tooMany = options.doors.enter(remoteAddress);
  if (tooMany) {
    options.turnedAway(tooMany);
    return void socket.destroy();
  }
  const session = new EgressSession(socket, remoteAddress, options, options.secureContext?.());
  sessions.add(session);
  void session.gone.then(() => {
    sessions.delete(session);
    options.doors.leave(remoteAddress);
  });
}

async function listening(server: Server, { host, port }: EgressServerOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(listenFault(error, `${host}:${port}`)));
    server.listen({ host, port, backlog: 1024 }, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
}

function listenFault(cause: Error, where: string): Fault {
  return codeOf(cause) === 'EADDRINUSE'
    ? new Fault(
        'address-in-use',
        `--listen ${where}: the port is taken; stop the other program or choose another port.`,
        {
          cause,
        },
      )
    : new Fault('listen-failed', `--listen ${where}: cannot listen there: ${reasonOf(cause)}`, { cause });
}
