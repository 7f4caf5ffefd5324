/**
 * Receivers that disagree about where a message ends: one strict, four lax, each as some real server has been.
 *
 * `split` reads bytes as such a server would; `Sink` listens and does it with what comes over the wire.
 */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';

/** What ends a message, for whom. */
export const KINDS = {
  strict: /\r\n\.\r\n/,
  'LF ends a line': /\r?\n\.\r?\n/,
  'CR ends a line': /(?:\r\n|\r)\.(?:\r\n|\r)/,
  'CR or LF ends a line': /(?:\r\n|\r|\n)\.(?:\r\n|\r|\n)/,
  'NUL and CR are dropped': /\r*\n[\r\0]*\.[\r\0]*\n/,
} as const;

export type Kind = keyof typeof KINDS;
export const KIND_NAMES = Object.keys(KINDS) as readonly Kind[];

export interface Split {
  /** Contents as they came over the wire, without what ended them. */
  readonly messages: readonly string[];
  /** Where the first byte is that belongs to no message and no whole command. */
  readonly at: number;
  readonly commands: readonly string[];
  readonly inContent: boolean;
}

/** What a server of this kind takes for messages in what a client sent, all of it at once. */
export function split(kind: Kind, wire: string): Split {
  const messages: string[] = [];
  const commands: string[] = [];
  let at = 0;
  for (;;) {
    const end = wire.indexOf('\r\n', at);
    if (end < 0) return { messages, commands, at, inContent: false };
    const command = wire.slice(at, end);
    commands.push(command);
    at = end + 2;
    if (command.toUpperCase() !== 'DATA') continue;
    // The line end of DATA is one before the first line of the message, too.
    const [stop] = KINDS[kind].exec(wire.slice(at - 2)) ?? [];
    if (stop === undefined) return { messages, commands, at, inContent: true };
    const content = wire.indexOf(stop, at - 2);
    messages.push(wire.slice(at, Math.max(at, content)));
    at = content + stop.length;
  }
}

const CAPABILITIES = '250-sink.test\r\n250-8BITMIME\r\n250 SIZE\r\n';

/** A server of a kind. It takes everything. */
export class Sink {
  readonly kind: Kind;
  readonly port: number;
  /** All that clients sent, a text per connection. */
  readonly wires: string[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(kind: Kind, server: Server, port: number) {
    this.kind = kind;
    this.port = port;
    this.#server = server;
    server.on('connection', (socket) => this.#serve(socket));
  }

  static async listen(kind: Kind, port: number): Promise<Sink> {
    const server = createServer();
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return new Sink(kind, server, port);
  }

  /** Every message so far. */
  get messages(): string[] {
    return this.wires.flatMap((wire) => split(this.kind, wire).messages);
  }

  get commands(): string[] {
    return this.wires.flatMap((wire) => split(this.kind, wire).commands);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #serve(socket: Socket): void {
    const number = this.wires.push('') - 1;
    let answered = 0;
    this.#sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => this.#sockets.delete(socket));
    socket.on('data', (chunk: Buffer) => {
      const wire = (this.wires[number] ?? '') + chunk.toString('latin1');
      this.wires[number] = wire;
      const answers = answersTo(this.kind, wire);
      for (const answer of answers.slice(answered)) socket.write(answer);
      answered = answers.length;
    });
    socket.write('220 sink.test ESMTP\r\n');
  }
}

/** One per command, and one per message after its DATA. */
function answersTo(kind: Kind, wire: string): string[] {
  const { commands, messages } = split(kind, wire);
  let told = 0;
  return commands.flatMap((command) => {
    const verb = command.slice(0, 4).toUpperCase();
    if (verb === 'EHLO') return [CAPABILITIES];
    if (verb === 'QUIT') return ['221 bye\r\n'];
    if (verb !== 'DATA') return ['250 ok\r\n'];
    return messages[told++] === undefined ? ['354 go on\r\n'] : ['354 go on\r\n', '250 taken\r\n'];
  });
}
