/**
 * One question to one server, and its answer or why there is none: by datagram, and by TCP when that was too small.
 *
 * Promises: an answer has the id and the question that were sent and comes from the server that was asked; whatever
 * else comes is counted and ignored, so a forger does not even end the wait; the wait is `patience` at most, for both
 * ways together; at most `MOST_CONVERSATIONS` at once, further ones wait their turn within their patience.
 */
import type { Clock, Duration } from '#lib/run/clock.ts';
import { codeOf } from '#lib/run/fault.ts';
import { metrics } from '#lib/run/metrics.ts';
import type { Random } from '#lib/run/random.ts';
import { byDatagram, byStream, type Conversation, type Converse, type Listening } from './conversation.ts';
import { decodeResponse, encodeQuestion, type Question, type Response } from './message.ts';
import type { Server } from './server.ts';
import { Turns } from './turns.ts';

/** No answer; `reason` is for people. */
export interface Silence {
  readonly silence: string;
}

export const isSilence = (it: Response | Silence): it is Silence => 'silence' in it;

export interface Asking {
  readonly server: Server;
  readonly question: Question;
  /** Whether the server is to ask others. */
  readonly isRecursive: boolean;
  readonly patience: Duration;
}

export interface TransportSetup {
  readonly clock: Clock;
  readonly random: Random;
}

/** Each has a descriptor. */
const MOST_CONVERSATIONS = 1000;

interface Query {
  readonly server: Server;
  readonly question: Question;
  readonly id: number;
  readonly bytes: Buffer;
}

export class Transport {
  readonly #setup: TransportSetup;
  readonly #turns: Turns;
  /** How to end each wait. */
  readonly #waits = new Set<(outcome: Silence) => void>();

  constructor(setup: TransportSetup, most = MOST_CONVERSATIONS) {
    this.#setup = setup;
    this.#turns = new Turns(most);
  }

  /** Never rejects. */
  async ask({ server, question, isRecursive, patience }: Asking): Promise<Response | Silence> {
    const { clock, random } = this.#setup;
    const id = random.bytes(2).readUInt16BE(0);
    const query = { server, question, id, bytes: encodeQuestion(id, question, isRecursive) };
    const end = clock.monotonic() + patience;
    const response = await this.#converse(byDatagram, query, patience);
    if (isSilence(response) || !response.isTruncated) return response;
    return this.#converse(byStream, query, end - clock.monotonic());
  }

  /** Ends every wait; those questions stay without an answer. */
  close(): void {
    for (const end of this.#waits) end({ silence: 'closed' });
  }

  async #converse(converse: Converse, query: Query, patience: Duration): Promise<Response | Silence> {
    const { promise, resolve } = Promise.withResolvers<Response | Silence>();
    let conversation: Conversation | undefined;
    const leave = this.#turns.take(() => {
      try {
        conversation = converse(query.server, query.bytes, listeningFor(query, resolve));
      } catch (error) {
        resolve({ silence: codeOf(error) });
      }
    });
    const timer = this.#setup.clock.after(patience, () => resolve({ silence: 'timeout' }));
    this.#waits.add(resolve);
    const outcome = await promise;
    this.#waits.delete(resolve);
    timer.cancel();
    conversation?.close();
    leave();
    return outcome;
  }
}

function listeningFor({ id, question }: Query, answered: (outcome: Response | Silence) => void): Listening {
  return {
    heard: (bytes) => {
      const response = decodeResponse(bytes, id, question);
      if (typeof response === 'string') metrics.dnsIgnored.inc({ because: response });
      else answered(response);
    },
    failed: (reason) => answered({ silence: reason }),
  };
}
