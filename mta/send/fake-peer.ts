/**
 * A mail server on loopback that says what a test tells it to. For tests of this folder.
 *
 * A script runs once for each connection; what it waits for and never gets ends it quietly.
 */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { createSecureContext, type SecureContextOptions, TLSSocket } from 'node:tls';

export type Script = (client: Client, connection: number) => Promise<void>;

class ClientLeft extends Error {}

/** The test's side of one connection. */
export class Client {
  socket: Socket;
  #received = Buffer.alloc(0);
  #changed = Promise.withResolvers<void>();
  #isGone = false;
  /** Every byte received in clear or decrypted. */
  readonly transcript: Buffer[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    this.#listen();
  }

  say(...lines: string[]): void {
    this.socket.write(lines.map((line) => `${line}\r\n`).join(''));
  }

  /** The next command, without its CRLF. */
  async line(): Promise<string> {
    return (await this.#until('\r\n')).toString('utf8');
  }

  /** Waits for a command that starts with `verb` and answers it. */
  async answer(verb: string, ...lines: string[]): Promise<string> {
    const line = await this.line();
    if (!line.startsWith(verb)) throw new Error(`expected ${verb}, got ${line}`);
    this.say(...lines);
    return line;
  }

  /** The message after 354, as sent: with transparency dots, without the final one. */
  async content(): Promise<Buffer> {
    if (this.#received.subarray(0, 3).toString() === '.\r\n') return this.#until('.\r\n');
    const body = await this.#until('\r\n.\r\n');
    return Buffer.concat([body, Buffer.from('\r\n')]);
  }

  /** The next chunk, which is the last. */
  async chunk(): Promise<Buffer> {
    const line = await this.line();
    const [, size] = /^BDAT (\d+) LAST$/.exec(line) ?? [];
    if (size === undefined) throw new Error(`expected BDAT, got ${line}`);
    return this.#take(Number(size));
  }

  /** Resolves when the client has closed. */
  async closed(): Promise<void> {
    while (!this.#isGone) await this.#changed.promise;
  }

  /** Becomes the server of a TLS connection. */
  async startTls(credentials: SecureContextOptions): Promise<void> {
    this.socket.removeAllListeners('data');
    const secure = new TLSSocket(this.socket, { isServer: true, secureContext: createSecureContext(credentials) });
    this.socket = secure;
    this.#listen();
    await once(secure, 'secure');
  }

  #listen(): void {
    this.socket.on('data', (chunk: Buffer) => {
      this.transcript.push(chunk);
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#change();
    });
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      this.#isGone = true;
      this.#change();
    });
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  async #take(size: number): Promise<Buffer> {
    while (this.#received.length < size) {
      if (this.#isGone) throw new ClientLeft();
      await this.#changed.promise;
    }
    const taken = this.#received.subarray(0, size);
    this.#received = this.#received.subarray(size);
    return taken;
  }

  async #until(end: string): Promise<Buffer> {
    for (let at = this.#received.indexOf(end); ; at = this.#received.indexOf(end)) {
      if (at >= 0) {
        const found = this.#received.subarray(0, at);
        this.#received = this.#received.subarray(at + end.length);
        return found;
      }
      if (this.#isGone) throw new ClientLeft();
      await this.#changed.promise;
    }
  }
}

export class FakePeer {
  readonly #server: Server;
  readonly clients: Client[] = [];
  readonly #errors: unknown[] = [];

  private constructor(script: Script) {
    this.#server = createServer((socket) => void this.#run(script, new Client(socket)));
  }

  static async start(script: Script): Promise<FakePeer> {
    const peer = new FakePeer(script);
    peer.#server.listen(0, '127.0.0.1');
    await once(peer.#server, 'listening');
    return peer;
  }

  get port(): number {
    const address = this.#server.address();
    return address !== null && typeof address === 'object' ? address.port : 0;
  }

  /** Ends all connections. Throws the first error of a script. */
  async stop(): Promise<void> {
    for (const client of this.clients) client.socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
    if (this.#errors.length > 0) throw this.#errors[0];
  }

  async #run(script: Script, client: Client): Promise<void> {
    this.clients.push(client);
    try {
      await script(client, this.clients.length);
    } catch (error) {
      if (!(error instanceof ClientLeft)) this.#errors.push(error);
    }
  }
}
