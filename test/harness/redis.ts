/**
 * A real redis-server on a loopback port and folder of its own, that a test can kill, freeze and start again.
 *
 * It keeps nothing on disk unless asked to: started again, it is empty.
 */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePorts } from './ports.ts';
import type { Exit, Program } from './program.ts';
import type { Stage } from './stage.ts';
import { until } from './until.ts';

export interface RedisServerOptions {
  readonly password?: string;
  /** It speaks TLS only. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Each write is on disk before it is answered, and is there again after a restart. */
  readonly keeps?: boolean;
}

export class RedisServer {
  readonly url: string;
  readonly #stage: Stage;
  readonly #args: readonly string[];
  readonly #port: number;
  #program: Program;

  private constructor(stage: Stage, port: number, args: readonly string[]) {
    this.url = `${args.includes('--tls-port') ? 'rediss' : 'redis'}://127.0.0.1:${port}`;
    this.#stage = stage;
    this.#port = port;
    this.#args = args;
    this.#program = this.#spawn();
  }

  /** Resolves when it takes connections. */
  static async start(stage: Stage, options: RedisServerOptions = {}): Promise<RedisServer> {
    const [port = 0] = await freePorts(1);
    const keeps = options.keeps ? ['--appendonly', 'yes', '--appendfsync', 'always'] : ['--save', '""'];
    const password = options.password === undefined ? [] : ['--requirepass', options.password];
    const folder = stage.folder('redis');
    const listen = options.tls ? withTls(folder, port, options.tls) : ['--port', String(port)];
    const where = ['--bind', '127.0.0.1', '--dir', folder];
    const server = new RedisServer(stage, port, [...where, ...listen, ...keeps, ...password]);
    await server.#listens();
    return server;
  }

  get pid(): number {
    return this.#program.pid;
  }

  kill(): Promise<Exit> {
    return this.#program.kill();
  }

  stop(): Promise<Exit> {
    return this.#program.stop();
  }

  /** It holds its connections and answers nothing. */
  freeze(): void {
    this.#program.signal('SIGSTOP');
  }

  thaw(): void {
    this.#program.signal('SIGCONT');
  }

  /** After a kill or a stop, on the same port. */
  async startAgain(): Promise<void> {
    this.#program = this.#spawn();
    await this.#listens();
  }

  #spawn(): Program {
    return this.#stage.start('redis', 'redis-server', this.#args);
  }

  async #listens(): Promise<void> {
    await until('redis-server listens', async () => {
      if (this.#program.exit) throw new Error(`redis-server ended, saying:\n${this.#program.stdout}`);
      const socket = connect(this.#port, '127.0.0.1');
      return once(socket, 'connect').then(
        () => socket.destroy() && true,
        () => false,
      );
    });
  }
}

function withTls(folder: string, port: number, files: NonNullable<RedisServerOptions['tls']>): string[] {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const [cert, key] = [join(folder, 'cert'), join(folder, 'key')];
  const asked = ['--tls-auth-clients', 'no', '--tls-ca-cert-file', cert];
  return ['--port', '0', '--tls-port', String(port), '--tls-cert-file', cert, '--tls-key-file', key, ...asked];
}
