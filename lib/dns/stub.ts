/**
 * The stub resolver: puts questions to recursive resolvers, which ask the world for us, and keeps their answers.
 *
 * Promises: an answer takes `LOOKUP_BUDGET` at most, over all tries, servers and aliases; the server that answered last is
 * asked first; one that fails is not asked again for the same question, one that is silent is, with more patience.
 * What a server has validated is marked so; that is worth as much as the way to the server, so servers should be near.
 */
import { type Clock, type Duration, seconds } from '#lib/run/clock.ts';
import { metrics } from '#lib/run/metrics.ts';
import type { Random } from '#lib/run/random.ts';
import { cached } from './cache.ts';
import { type Alias, type Lookup, type LookUp, readResponse, straysIn, temporary } from './lookup.ts';
import { isAskable, type Question } from './message.ts';
import type { Server } from './server.ts';
import { isSilence, Transport } from './transport.ts';

export interface StubOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** At least one. */
  readonly servers: readonly Server[];
}

export interface Stub {
  readonly lookUp: LookUp;
  /** Ends what is under way: those answers become `temporary`. */
  close(): void;
}

const LOOKUP_BUDGET: Duration = seconds(10);
/** How long every server is waited for, round by round. */
const ROUNDS: readonly Duration[] = [seconds(2), seconds(3), seconds(5)];

export function openStub(options: StubOptions): Stub {
  const transport = new Transport(options);
  const asker = new Asker(options, transport);
  return {
    lookUp: cached(async (question) => asker.lookUp(question), options.clock),
    close: () => transport.close(),
  };
}

class Asker {
  readonly #options: StubOptions;
  readonly #transport: Transport;
  /** The one that answered last first. */
  #servers: readonly Server[];

  constructor(options: StubOptions, transport: Transport) {
    this.#options = options;
    this.#transport = transport;
    this.#servers = options.servers;
  }

  async lookUp(question: Question): Promise<Lookup> {
    if (!isAskable(question.name)) return { kind: 'no-such-name', ttl: 0, isAuthenticated: false };
    const begun = this.#options.clock.monotonic();
    const lookup = await this.#toTheEnd(question, begun + LOOKUP_BUDGET);
    metrics.dnsLookups.inc({ type: question.type, result: lookup.kind });
    metrics.dnsLookupSeconds.observe((this.#options.clock.monotonic() - begun) / 1000);
    return lookup;
  }

  /** Resolvers follow aliases themselves; what one left open is asked for, as often as aliases may be. */
  async #toTheEnd(question: Question, end: Duration): Promise<Lookup> {
    let found = await this.#ask(question, [], end);
    for (let ttl: Duration = Infinity; found.kind === 'alias';) {
      ttl = Math.min(ttl, found.ttl);
      found = within(ttl, await this.#ask({ ...question, name: found.name }, found.passed, end));
    }
    return found;
  }

  async #ask(question: Question, passed: readonly string[], end: Duration): Promise<Lookup | Alias> {
    let failure = temporary('timeout');
    const failed = new Set<Server>();
    for (const patience of ROUNDS) {
      for (const server of this.#servers.filter((it) => !failed.has(it))) {
        const left = end - this.#options.clock.monotonic();
        if (left <= 0) return failure;
        const asking = { server, question, isRecursive: true, patience: Math.min(patience, left) };
        const response = await this.#transport.ask(asking);
        if (isSilence(response)) {
          failure = temporary(response.silence);
          if (response.silence !== 'timeout') failed.add(server);
          continue;
        }
        this.#prefer(server);
        metrics.dnsIgnored.inc({ because: 'record' }, straysIn(response, question));
        const found = readResponse(response, question, passed);
        if (found.kind !== 'temporary') return found;
        failure = found;
        failed.add(server);
      }
    }
    return failure;
  }

  #prefer(server: Server): void {
    if (this.#servers[0] !== server) this.#servers = [server, ...this.#servers.filter((it) => it !== server)];
  }
}

/** An answer at the end of an alias holds no longer than the alias. */
const within = (ttl: Duration, found: Lookup | Alias): Lookup | Alias =>
  'ttl' in found ? { ...found, ttl: Math.min(ttl, found.ttl) } : found;
