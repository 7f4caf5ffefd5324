/**
 * A submitting peer that says exactly what a test tells it to, byte for byte.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, TLSSocket } from 'node:tls';
import { until } from './until.ts';

export class SmtpClient {
  #socket: Socket;
  #received = '';
  #isGone = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#listen();
  }

  /** Connects and reads the greeting; then says EHLO. */
  static async open(port: number, host?: string): Promise<SmtpClient> {
    const client = await SmtpClient.connect(port, host);
    await client.say('EHLO client.test');
    return client;
  }

  static async connect(port: number, host = '127.0.0.1'): Promise<SmtpClient> {
    const socket = connect({ port, host, noDelay: true });
    await once(socket, 'connect');
    const client = new SmtpClient(socket);
    await client.reply();
    return client;
  }

  write(bytes: string | Buffer): void {
    this.#socket.write(bytes);
  }

  /** One command, and the reply to it. */
  async say(command: string): Promise<string> {
    this.write(`${command}\r\n`);
    return this.reply();
  }

  /** The next reply, its lines joined by `\n`; `''` when the server has closed. */
  async reply(): Promise<string> {
    return (await until('a reply', () => this.#takeReply() ?? (this.#isGone ? { text: '' } : undefined))).text;
  }

  /** STARTTLS, the handshake, EHLO anew. */
  async startTls(): Promise<void> {
    await this.say('STARTTLS');
    this.#socket.removeAllListeners();
    const secure = connectTls({ socket: this.#socket, rejectUnauthorized: false });
    await once(secure, 'secureConnect');
    this.#socket = secure;
    this.#listen();
    await this.say('EHLO client.test');
  }

  /** Fingerprint of the certificate that the server has shown, after STARTTLS. */
  get certificate(): string | undefined {
    return this.#socket instanceof TLSSocket ? this.#socket.getPeerX509Certificate()?.fingerprint256 : undefined;
  }

  /** One message, which ends with CRLF; the first negative reply, or the reply to the final dot. */
  async send(sender: string, recipients: readonly string[], content: string | Buffer): Promise<string> {
    const commands = [`MAIL FROM:<${sender}>`, ...recipients.map((it) => `RCPT TO:<${it}>`), 'DATA'];
    for (const command of commands) {
      const said = await this.say(command);
      if (said >= '4') return said;
    }
    this.write(content);
    return this.say('.');
  }

  close(): void {
    this.#socket.destroy();
  }

  #listen(): void {
    this.#socket.on('data', (chunk: Buffer) => {
      this.#received += chunk.toString('latin1');
    });
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => {
      this.#isGone = true;
    });
  }

  #takeReply(): { readonly text: string } | undefined {
    const [found] = /^(?:\d{3}-[^\n]*\n)*\d{3}(?: [^\n]*)?\n/.exec(this.#received) ?? [];
    if (found === undefined) return undefined;
    this.#received = this.#received.slice(found.length);
    return { text: found.replaceAll('\r', '').trimEnd() };
  }
}

/** A message of one line, from and to these. */
export const plainMessage = (from: string, to: string, subject = 'A message'): string =>
  `From: <${from}>\r\nTo: <${to}>\r\nSubject: ${subject}\r\n\r\nHello.\r\n`;

/** Submits one message without AUTH, where the network is trusted. Answers its id; throws the refusal. */
export async function submit(
  port: number,
  sender: string,
  recipients: readonly string[],
  content?: string,
): Promise<string> {
  const client = await SmtpClient.open(port);
  const from = sender === '' ? 'hello@example.com' : sender;
  const said = await client.send(sender, recipients, content ?? plainMessage(from, recipients[0] ?? ''));
  client.close();
  const [, id] = /^250 2\.0\.0 queued as (\S+)$/.exec(said) ?? [];
  if (id === undefined) throw new Error(`refused: ${said}`);
  return id;
}
