/**
 * What people look up and order about the mail of a whole cluster, by any of its processes: all are asked over NATS, each answers
 * for the shards that it holds, and what nobody answered for is named.
 *
 * Each works in steps and tells a bounded part, so that memory and time do not grow with the queue. An order reaches only who surely
 * holds a shard, before and after: what was lost meanwhile counts as unanswered, and doing it again is harmless.
 */
import { domainOf } from '../mail/message.ts';
import type { Explanation, Live, SendingState } from '../mail/explanation.ts';
import type { Chosen, Counted, Handling, Hands } from '../mail/operation.ts';
import type { Reached } from '../mail/reached.ts';
import { answer, askAll, type Gathered } from '#lib/nats/asking.ts';
import type { Connection } from '#lib/nats/connection.ts';
import { type Clock, type Duration, milliseconds } from '#lib/run/clock.ts';
import {
  type Answers,
  decodeInquiry,
  decodeTold,
  encodeInquiry,
  encodeTold,
  type Inquiry,
  type Told,
} from './inquiry.ts';
import {
  mergeCounts,
  mergeExplanations,
  mergeLives,
  mergeViews,
  missingOf,
  sumOf,
  unansweredOf,
} from './inquiry-merge.ts';
import type { Asked } from './insight.ts';
import { shardOf } from '../queue/jetstream/layout.ts';
import type { QueueFilter } from './queue-rows.ts';
import type { Sending } from './sending.ts';

export interface WholeClusterOptions {
  readonly connection: Connection;
  /** The machine's. */
  readonly clock: Clock;
  /** The queue's name among others on the same servers. */
  readonly name: string;
  readonly shards: number;
}

/** What one process can answer for; what is absent it has none of. */
export interface OwnPart {
  /** Its name, for people. */
  readonly process: string;
  /** A name that nobody else gives. */
  readonly by: string;
  readonly live: Sending['live'];
  readonly worker?: Pick<Sending, 'view' | 'explain' | 'hands'>;
  /** Shards that are surely held here; `forGood`: and are not about to be given up. */
  readonly shards: (forGood: boolean) => Promise<readonly number[]>;
}

/** How long those may take that hold no shard, once those have answered that do. */
const LINGER: Duration = milliseconds(200);

export class WholeCluster implements Hands {
  readonly #options: WholeClusterOptions;

  constructor(options: WholeClusterOptions) {
    this.#options = options;
  }

  /** Answers for this process until it is stopped. */
  answerFor(own: OwnPart): { stop(): void } {
    const { connection, clock } = this.#options;
    const work = (question: Buffer) => this.#answered(own, decodeInquiry(question));
    return answer(connection, clock, this.#subject, work, own.by);
  }

  async view(filter: QueueFilter): Promise<SendingState> {
    const { all, missing } = await this.#askAll({ kind: 'view', filter });
    return { ...mergeViews(all, filter), ...(missing.length > 0 && { missing }) };
  }

  async explain(asked: Asked): Promise<Explanation> {
    const { all, missing } = await this.#askAll({ kind: 'explain', asked }, [this.#shardOf(asked)]);
    return { ...mergeExplanations(all, asked.recipient), ...(missing.length > 0 && { missing }) };
  }

  async live(): Promise<Live> {
    const { all, missing } = await this.#askAll({ kind: 'live' }, this.#allShards, LINGER);
    return { ...mergeLives(all), ...(missing.length > 0 && { missing }) };
  }

  async count(about: Chosen): Promise<Reached<Counted>> {
    const { all, missing } = await this.#askAll({ kind: 'count', about });
    return { found: mergeCounts(all), missing };
  }

  async carryOut(handling: Handling): Promise<Reached<number>> {
    const { all, missing } = await this.#askAll({ kind: 'carry-out', handling });
    return { found: sumOf(all, (it) => it), missing };
  }

  get #subject(): string {
    return `${this.#options.name}.everybody`;
  }

  get #allShards(): number[] {
    return Array.from({ length: this.#options.shards }, (_, shard) => shard);
  }

  #shardOf({ recipient }: Asked): number {
    return shardOf(domainOf(recipient), this.#options.shards);
  }

  async #askAll<K extends Inquiry['kind']>(
    inquiry: Inquiry & { readonly kind: K },
    shards: readonly number[] = this.#allShards,
    linger: Duration = 0,
  ): Promise<{ readonly all: readonly Told<Answers[K]>[]; readonly missing: readonly string[] }> {
    const read = (answers: Gathered['answers']) => answers.map((it) => decodeTold<Answers[K]>(it));
    const { answers, faults } = await askAll({
      ...this.#options,
      subject: this.#subject,
      question: encodeInquiry(inquiry),
      isEnough: (some) => unansweredOf(read(some), shards).length === 0,
      linger,
    });
    const all = read(answers);
    return { all, missing: missingOf(unansweredOf(all, shards), faults) };
  }

  async #answered(own: OwnPart, inquiry: Inquiry): Promise<Buffer[] | undefined> {
    const { process, shards } = own;
    const forGood = inquiry.kind === 'carry-out' && inquiry.handling.kind === 'bounce';
    const before = await shards(forGood);
    if (inquiry.kind === 'explain' && !before.includes(this.#shardOf(inquiry.asked))) return undefined;
    const told = await toldBy(own, inquiry);
    if (told === undefined) return undefined;
    const after = new Set(inquiry.kind === 'carry-out' ? await shards(forGood) : before);
    return encodeTold({ process, shards: before.filter((it) => after.has(it)), told });
  }
}

/** Undefined where it is not for this process to answer. */
async function toldBy({ worker, live }: OwnPart, inquiry: Inquiry): Promise<Answers[Inquiry['kind']] | undefined> {
  switch (inquiry.kind) {
    case 'live':
      return live();
    case 'view':
      return worker?.view(inquiry.filter);
    case 'explain':
      return worker?.explain(inquiry.asked);
    case 'count':
      return (await worker?.hands.count(inquiry.about))?.found;
    case 'carry-out':
      break;
  }
  return (await worker?.hands.carryOut(inquiry.handling))?.found;
}
