/**
 * A receiver that answers as a test tells it to and keeps what it was given.
 */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';

export interface Received {
  readonly sender: string;
  readonly recipients: readonly string[];
  /** Without transparency dots and the final dot. */
  readonly raw: Buffer;
}

export interface Answers {
  /** Extensions in the reply to EHLO. */
  readonly extensions?: readonly string[];
  /** What a new connection is told first; '' is nothing. */
  readonly banner?: () => string;
  readonly mail?: (sender: string) => string;
  /** The reply to RCPT; `tries` counts this address, this time included. */
  readonly rcpt?: (address: string, tries: number) => string;
  /** The reply to the final dot; `tries` counts the transactions that got that far. */
  readonly dot?: (received: Received, tries: number) => string;
  /** What the reply to the final dot waits for. */
  readonly beforeDotReply?: (received: Received) => Promise<unknown> | undefined;
  /** What is written after the 220 to STARTTLS. */
  readonly handshake?: (socket: Socket) => void;
}

export class Receiver {
  readonly port: number;
  /** Messages answered 250, in order. */
  readonly taken: Received[] = [];
  /** Every transaction that came to its final dot, in order. */
  readonly seen: Received[] = [];
  /** The address of the other side, for each connection in order. */
  readonly peers: string[] = [];
  /** Every command, `connection number: command`. */
  readonly commands: string[] = [];
  readonly #server: Server;
  readonly #answers: Answers;
  readonly #sockets = new Set<Socket>();
  readonly #tries = new Map<string, number>();
  /** Connections so far. */
  connections = 0;
  /** The most connections that were open at one time. */
  mostAtOnce = 0;

  private constructor(server: Server, port: number, answers: Answers) {
    this.#server = server;
    this.port = port;
    this.#answers = answers;
    server.on('connection', (socket) => this.#serve(socket));
  }

  static async listen(port: number, answers: Answers = {}, address = '127.0.0.1'): Promise<Receiver> {
    const server = createServer();
    server.listen(port, address);
    await once(server, 'listening');
    return new Receiver(server, port, answers);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #serve(socket: Socket): void {
    const dialogue = new Dialogue((this.connections += 1), this, this.#answers, this.#tries, socket);
    this.#sockets.add(socket);
    this.peers.push(socket.remoteAddress ?? '');
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#sockets.size);
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => dialogue.hear(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
    dialogue.greet();
  }
}

/** One connection, from the receiver's side. */
class Dialogue {
  readonly #number: number;
  readonly #receiver: Receiver;
  readonly #answers: Answers;
  readonly #tries: Map<string, number>;
  readonly #socket: Socket;
  #pending = Buffer.alloc(0);
  #sender = '';
  #recipients: string[] = [];
  #inContent = false;
  #isDeaf = false;

  constructor(number: number, receiver: Receiver, answers: Answers, tries: Map<string, number>, socket: Socket) {
    this.#number = number;
    this.#receiver = receiver;
    this.#answers = answers;
    this.#tries = tries;
    this.#socket = socket;
  }

  greet(): void {
    const banner = this.#answers.banner?.() ?? '220 receiver.test ESMTP';
    if (banner === '') return;
    if (banner.startsWith('220')) this.#socket.write(`${banner}\r\n`);
    else this.#say(banner);
  }

  hear(chunk: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    while (!this.#isDeaf && this.#step());
  }

  /** Takes one command or one message; false when there is none whole. */
  #step(): boolean {
    const end = this.#inContent ? '\r\n.\r\n' : '\r\n';
    const at = this.#pending.indexOf(end);
    if (at < 0) return false;
    const whole = this.#pending.subarray(0, this.#inContent ? at + 2 : at);
    this.#pending = this.#pending.subarray(at + end.length);
    if (this.#inContent) this.#answerDot(this.#takeContent(whole));
    else this.#say(this.#takeCommand(whole.toString('latin1')));
    return true;
  }

  #answerDot(reply: string): void {
    const received = this.#receiver.seen.at(-1);
    const pause = received && this.#answers.beforeDotReply?.(received);
    if (!pause) return this.#say(reply);
    this.#isDeaf = true;
    void pause.then(() => {
      this.#isDeaf = false;
      this.#say(reply);
      this.hear(Buffer.alloc(0));
    });
  }

  #say(reply: string): void {
    this.#socket.write(`${reply}\r\n`);
    if (reply.startsWith('220')) {
      this.#isDeaf = true;
      this.#answers.handshake?.(this.#socket);
    }
    if (!reply.startsWith('221') && !reply.startsWith('421')) return;
    this.#isDeaf = true;
    this.#socket.end();
  }

  #takeCommand(command: string): string {
    this.#receiver.commands.push(`${this.#number}: ${command}`);
    const [verb = ''] = command.toUpperCase().split(/[ :]/);
    switch (verb) {
      case 'EHLO':
        return ['receiver.test', ...(this.#answers.extensions ?? ['PIPELINING', '8BITMIME', 'SIZE'])]
          .map((it, at, all) => `250${at === all.length - 1 ? ' ' : '-'}${it}`)
          .join('\r\n');
      case 'MAIL':
        return this.#begin(command);
      case 'RCPT':
        return this.#rcpt(addressIn(command));
      case 'DATA':
        this.#inContent = this.#recipients.length > 0;
        return this.#inContent ? '354 go on' : '554 5.5.1 no valid recipients';
      case 'STARTTLS':
        return '220 2.0.0 go on';
      case 'QUIT':
        return '221 2.0.0 bye';
      default:
        return '250 2.0.0 ok';
    }
  }

  #begin(command: string): string {
    this.#sender = addressIn(command);
    this.#recipients = [];
    return this.#answers.mail?.(this.#sender) ?? '250 2.1.0 ok';
  }

  #rcpt(address: string): string {
    const said = this.#answers.rcpt?.(address, this.#count(address)) ?? '250 2.1.5 ok';
    if (said.startsWith('2')) this.#recipients.push(address);
    return said;
  }

  #takeContent(content: Buffer): string {
    this.#inContent = false;
    const raw = Buffer.from(content.toString('latin1').replaceAll(/^\./gm, ''), 'latin1');
    const received = { sender: this.#sender, recipients: this.#recipients, raw };
    this.#receiver.seen.push(received);
    const said = this.#answers.dot?.(received, this.#receiver.seen.length) ?? '250 2.0.0 taken';
    if (said.startsWith('2')) this.#receiver.taken.push(received);
    return said;
  }

  #count(address: string): number {
    const tries = (this.#tries.get(address) ?? 0) + 1;
    this.#tries.set(address, tries);
    return tries;
  }
}

const addressIn = (command: string): string => /<([^>]*)>/.exec(command)?.[1] ?? '';
