/**
 * What people ask about all that is queued, and do to it, whichever process holds it: each shard's holder is asked, or this
 * process is the one.
 *
 * A holder answers only while it holds: it looks before, and what it writes is fenced. A shard that changes hands is asked again;
 * one that nobody answers for is named, and all others have been asked nevertheless. In steps, as everything that moves much.
 */
import { type Clock, type Duration, sleep } from '#lib/run/clock.ts';
import { codeOf, reasonOf } from '#lib/run/fault.ts';
import { answer, ask } from '#lib/nats/asking.ts';
import type { Connection } from '#lib/nats/connection.ts';
import type { MailEvent } from '../../mail/event.ts';
import type { Reached } from '../../mail/reached.ts';
import { type Cancelling, type Glance, type LaneDepth, type LaneName, type Move, parseLane } from '../queue.ts';
import type { Pending, Selection } from '../queue.ts';
import type { Holding } from './holding.ts';
import { type Layout, shardOf } from './layout.ts';
import { decodeQuestion, decodeRows, encodeQuestion, encodeRows, type Question } from './question.ts';

export interface ReachOptions {
  readonly connection: Connection;
  readonly layout: Layout;
  /** The machine's. */
  readonly clock: Clock;
  /** As it is held here, if it is. */
  readonly holdingOf: (shard: number) => Holding | undefined;
}

/** Shards asked at once. */
const AT_ONCE = 16;
const TRIES = 3;
const AGAIN_AFTER: Duration = 300;

export class Reach {
  readonly #options: ReachOptions;

  constructor(options: ReachOptions) {
    this.#options = options;
  }

  /** Answers for a shard that is held here, until it is stopped. */
  answerFor(holding: Holding, shard: number): { stop(): void } {
    const { connection, clock, layout } = this.#options;
    return answer(connection, clock, layout.askOf(shard), async (question) => {
      if (!(await holding.journal.confirmNow())) return undefined;
      return encodeRows(await carryOut(holding, decodeQuestion(question)));
    });
  }

  async cancel(cancelling: Cancelling): Promise<Reached<readonly MailEvent[]>> {
    return this.#all<MailEvent>({ kind: 'cancel', cancelling });
  }

  depth(): Promise<Reached<readonly LaneDepth[]>> {
    return this.#all<LaneDepth>({ kind: 'depth' });
  }

  /** By lane and due time. */
  async list(selection: Selection, max: number): Promise<Reached<readonly Pending[]>> {
    const { found, missing } = await this.#all<Pending>({ kind: 'list', selection, max }, selection);
    return { found: inOrder(found).slice(0, max), missing };
  }

  async glance(lane: LaneName): Promise<Reached<Glance | undefined>> {
    const { found, missing } = await this.#all<Glance>({ kind: 'glance', lane }, { lane });
    return { found: found[0], missing };
  }

  /** How many were moved. */
  async move(selection: Selection, move: Move): Promise<Reached<number>> {
    const { found, missing } = await this.#all<number>({ kind: 'move', selection, move }, selection);
    return { found: found.reduce((sum, it) => sum + it, 0), missing };
  }

  async #all<Row>(question: Question, selection: Selection = {}): Promise<Reached<readonly Row[]>> {
    const found: Row[] = [];
    const missing: string[] = [];
    const shards = this.#shardsOf(selection);
    const next = async (): Promise<void> => {
      for (let shard = shards.shift(); shard !== undefined; shard = shards.shift()) {
        try {
          found.push(...((await this.#ask(shard, question)) as Row[]));
        } catch (thrown) {
          missing.push(`shard ${shard}: ${sentenceOf(thrown)}`);
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, next));
    return { found, missing: missing.toSorted() };
  }

  #shardsOf({ lane, domain = lane === undefined ? undefined : parseLane(lane).domain }: Selection): number[] {
    const { shards } = this.#options.layout;
    return domain === undefined ? Array.from({ length: shards }, (_, shard) => shard) : [shardOf(domain, shards)];
  }

  async #ask(shard: number, question: Question): Promise<readonly unknown[]> {
    const { connection, clock, layout, holdingOf } = this.#options;
    for (let tries = 1; ; tries += 1) {
      try {
        const holding = holdingOf(shard);
        if (holding && (await holding.journal.confirmNow())) return await carryOut(holding, question);
        return decodeRows(await ask(connection, clock, layout.askOf(shard), encodeQuestion(question)));
      } catch (thrown) {
        if (tries === TRIES || !CHANGES_HANDS.has(codeOf(thrown))) throw thrown;
        await sleep(clock, AGAIN_AFTER);
      }
    }
  }
}

const CHANGES_HANDS = new Set(['nats-nobody', 'claim-lost']);

const sentenceOf = (thrown: unknown): string =>
  CHANGES_HANDS.has(codeOf(thrown))
    ? 'no worker answers for it: another takes it within seconds, so ask again; if that does not help, look whether workers run'
    : reasonOf(thrown);

const inOrder = (found: readonly Pending[]): Pending[] =>
  found.toSorted((a, b) => (a.lane === b.lane ? a.due - b.due : a.lane < b.lane ? -1 : 1));

async function carryOut({ shard, claim }: Holding, question: Question): Promise<readonly unknown[]> {
  switch (question.kind) {
    case 'cancel':
      return shard.cancel(question.cancelling);
    case 'depth':
      return shard.depth();
    case 'list':
      return shard.list(question.selection, question.max);
    case 'glance':
      return [await shard.glance(question.lane)];
    case 'move':
      break;
  }
  return [await shard.move(claim, question.selection, question.move)];
}
