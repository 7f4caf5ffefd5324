/**
 * A simulated site: who is behind an address, in which temper, and what they make of mail.
 */
import type { FakeClock } from '#lib/run/fake-clock.ts';
import { type Instant, minutes } from '#lib/run/clock.ts';
import type { Chance } from './chance.ts';
import type { Site } from './declared.ts';
import type { Fairness } from './fairness.ts';
import type { Judge } from './judge.ts';
import { idOf } from './mail.ts';
import type { Line, Peer } from './network.ts';
import type { Pace } from './pace.ts';
import { type Host, Reception } from './receiver.ts';
import { answerOf, type Temper } from './tempers.ts';

export interface SiteSurroundings {
  readonly clock: FakeClock;
  readonly chance: Chance;
  readonly judge: Judge;
  readonly pace: Pace;
  readonly fairness: Fairness;
}

const GREYLISTED_FOR = minutes(5);

export class SiteState implements Host {
  temper: Temper = 'takes';
  readonly site: Site;
  readonly chance: Chance;
  readonly pipelines: boolean;
  readonly #around: SiteSurroundings;
  /** When each recipient was seen first. */
  readonly #seen = new Map<string, Instant>();

  constructor(site: Site, around: SiteSurroundings) {
    this.site = site;
    this.chance = around.chance;
    this.pipelines = around.chance.is(0.7);
    this.#around = around;
  }

  listen(line: Line): Peer | 'refused' | 'silent' {
    const answer = answerOf(this.temper, 'connect', this.chance);
    return answer.kind === 'refused' || answer.kind === 'silent' ? answer.kind : new Reception(this, line);
  }

  tried(recipient: string): boolean {
    const { judge, pace, fairness, clock } = this.#around;
    judge.tried(recipient);
    pace.tried(this.site);
    const tenant = judge.find(recipient)?.message.tenant;
    if (tenant !== undefined) fairness.tried(this.site, tenant);
    const first = this.#seen.get(recipient) ?? clock.now();
    this.#seen.set(recipient, first);
    return this.temper !== 'greylists' || clock.now() - first >= GREYLISTED_FOR;
  }

  took(content: string, recipients: readonly string[]): () => void {
    return this.#around.judge.took(idOf(content), recipients);
  }
}
