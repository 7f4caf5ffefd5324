/**
 * For tests: a client on a real socket that sends bytes and waits for what the server says.
 */
import { type Socket, connect } from 'node:net';
import { connect as connectTls } from 'node:tls';

export class TestPeer {
  #socket: Socket;
  #heard = '';
  #isClosed = false;
  #wake = (): void => undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#listen();
  }

  get socket(): Socket {
    return this.#socket;
  }

  send(text: string | Buffer): void {
    this.#socket.write(text);
  }

  /** Resolves with everything heard since the last call, up to and including the reply with `code`. */
  async hears(code: number): Promise<string> {
    const last = new RegExp(`^${code} .*\r\n`, 'm');
    await this.#until(() => last.test(this.#heard));
    const match = last.exec(this.#heard);
    const end = (match?.index ?? 0) + (match?.[0].length ?? 0);
    const heard = this.#heard.slice(0, end);
    this.#heard = this.#heard.slice(end);
    return heard;
  }

  /** Resolves with what was still said, when the connection is gone. */
  async closed(): Promise<string> {
    await this.#until(() => this.#isClosed);
    return this.#heard;
  }

  /** Sends `text` and waits for the reply with `code`. */
  async asks(text: string, code: number): Promise<string> {
    this.send(text);
    return this.hears(code);
  }

  /** Goes on under TLS; resolves after the handshake. */
  async secure(): Promise<void> {
    this.#socket.removeAllListeners('data');
    const secured = connectTls({ socket: this.#socket, rejectUnauthorized: false });
    this.#socket = secured;
    this.#listen();
    await new Promise<void>((resolve) => secured.once('secureConnect', resolve));
  }

  #listen(): void {
    this.#socket.on('error', () => undefined);
    this.#socket.on('data', (chunk: Buffer) => {
      this.#heard += chunk.toString('latin1');
      this.#wake();
    });
    this.#socket.on('close', () => {
      this.#isClosed = true;
      this.#wake();
    });
  }

  async #until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) {
      if (this.#isClosed) throw new Error(`closed; heard: ${this.#heard}`);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

export async function dial(port: number): Promise<TestPeer> {
  const socket = connect({ port, host: '127.0.0.1' });
  const peer = new TestPeer(socket);
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  return peer;
}
