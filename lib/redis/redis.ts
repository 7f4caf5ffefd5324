/**
 * A connection to Redis that runs scripts, for state that may be away. The only file that imports ioredis.
 *
 * Promises: a script is sent once or not at all, never again by itself; its answer comes in time, a tenth of a second, or it
 * is a fault; nothing waits for a connection. It connects again by itself for as long as it is open. A server that
 * has become a replica is left. No fault and no log line holds the password.
 *
 * Left to others: what to do while it is away.
 */
import { Redis as Client } from 'ioredis';
import { type Duration, milliseconds, seconds } from '../run/clock.ts';
import { Fault, reasonOf } from '../run/fault.ts';

export interface Script {
  readonly name: string;
  readonly lua: string;
}

export interface RedisOptions {
  /** `redis://host:port` or `rediss://host:port`, without user, password or path. */
  readonly url: string;
  readonly password?: string | undefined;
  /** Certificates that are trusted for `rediss`, in PEM; the machine's own when absent. */
  readonly ca?: string | undefined;
  /** How long an answer may take; a tenth of a second when absent. */
  readonly patience?: Duration | undefined;
}

export interface Redis {
  /**
   * Runs a script and answers what it returns. Whether it ran is unknown when this rejects.
   *
   * Faults: `redis-away`, when there is no connection or no answer in time; `redis-refused`, when the server says so.
   */
  run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>;
  /** Calls `listener` each time a connection is ready for scripts. Must not throw. */
  onReady(listener: () => void): void;
  readonly isReady: boolean;
  /** Why there was no connection the last time, for people. */
  readonly trouble: string | undefined;
  /** Leaves at once. A second call is harmless. */
  close(): void;
}

const ANSWER: Duration = milliseconds(100);
const SILENCE: Duration = seconds(1);
const CONNECT: Duration = seconds(1);
/** Between two attempts to connect; the same for everybody and short, because a restarted server waits for all. */
const AGAIN: Duration = milliseconds(200);

export function openRedis({ url, password, ca, patience = ANSWER }: RedisOptions): Redis {
  const client = new Client(url, {
    ...(password !== undefined && { password }),
    ...(url.startsWith('rediss:') && { tls: ca === undefined ? {} : { ca } }),
    autoResendUnfulfilledCommands: false,
    commandTimeout: patience,
    connectTimeout: CONNECT,
    disableClientInfo: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    protocol: 2,
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    retryStrategy: () => AGAIN,
    socketTimeout: SILENCE,
  });
  return new Connection(client);
}

/** Keys and arguments of a command made of a script; the library adds it under the script's name. */
type Command = (keys: number, ...values: readonly (string | number)[]) => Promise<unknown>;

class Connection implements Redis {
  readonly #client: Client;
  readonly #commands = new Map<string, Command>();
  #trouble: string | undefined;

  constructor(client: Client) {
    this.#client = client;
    client.on('error', (error) => (this.#trouble = reasonOf(error)));
    client.on('ready', () => (this.#trouble = undefined));
  }

  async run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    if (!this.isReady) throw new Fault('redis-away', `Redis is away: ${this.#trouble ?? 'there is no connection yet'}`);
    try {
      return await this.#commandOf(script)(keys.length, ...keys, ...args);
    } catch (thrown) {
      throw faultOf(script, thrown);
    }
  }

  onReady(listener: () => void): void {
    this.#client.on('ready', listener);
    if (this.isReady) listener();
  }

  get isReady(): boolean {
    return this.#client.status === 'ready';
  }

  get trouble(): string | undefined {
    return this.#trouble;
  }

  close(): void {
    this.#client.disconnect();
  }

  /** By its digest, and by its text when the server does not know it. */
  #commandOf({ name, lua }: Script): Command {
    const known = this.#commands.get(name);
    if (known) return known;
    this.#client.defineCommand(name, { lua });
    const command = (Reflect.get(this.#client, name) as Command).bind(this.#client);
    this.#commands.set(name, command);
    return command;
  }
}

/** Without its cause, which quotes the command with all arguments. */
function faultOf({ name }: Script, thrown: unknown): Fault {
  const reason = reasonOf(thrown);
  const isAnswer = thrown instanceof Error && thrown.name === 'ReplyError';
  return isAnswer
    ? new Fault('redis-refused', `Redis refused ${name}: ${reason}`)
    : new Fault('redis-away', `Redis did not answer ${name}: ${reason}`);
}
