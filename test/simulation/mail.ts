/**
 * Mail that is handed in: messages of every sort, with an address for each recipient and each sender.
 */
import type { FakeClock } from '#lib/run/fake-clock.ts';
import { minutes } from '#lib/run/clock.ts';
import { type Message, newMessageId } from '#mta/mail/message.ts';
import type { Chance } from './chance.ts';
import { HOME, POOL, SITES, TENANTS } from './declared.ts';

/** What is asked of a message beside chance. */
export interface Wanted {
  readonly tenant?: string;
  readonly domain?: string;
}

export class MailMaker {
  readonly #clock: FakeClock;
  readonly #chance: Chance;
  #count = 0;

  constructor(clock: FakeClock, chance: Chance) {
    this.#clock = clock;
    this.#chance = chance;
  }

  /** One recipient where the domain is given, else up to four. */
  make({ tenant, domain }: Wanted = {}): Message {
    const chance = this.#chance;
    const number = (this.#count += 1);
    const now = Math.floor(this.#clock.now());
    const id = newMessageId(now, chance.random);
    const count = domain !== undefined || chance.is(0.6) ? 1 : chance.within(2, 4);
    const at = Array.from({ length: count }, () => domain ?? this.#domain());
    return {
      id,
      acceptedAt: now,
      expiresAt: now + minutes(chance.within(5, 60)),
      ...(chance.is(0.1) && { notBefore: now + minutes(chance.within(1, 30)) }),
      tenant: tenant ?? chance.pick(TENANTS),
      credential: 'simulated',
      domain: '',
      pool: POOL,
      via: chance.is(0.7) ? 'smtp' : 'http',
      sender: `sender${number}@${HOME}`,
      body: '7BIT',
      recipients: at.map((it, index) => `r${number}.${index}@${it}`),
      raw: Buffer.from(`Message-ID: <${id}@mta.test>\r\nFrom: sender${number}@${HOME}\r\n\r\n.body\r\n`),
      ...(domain === undefined && chance.is(0.2) && { priority: 'bulk' as const }),
    };
  }

  #domain(): string {
    return this.#chance.pick(SITES.flatMap((it) => it.domains)) ?? HOME;
  }
}

/** The id that a message was sent under, ours or of a report. */
export const idOf = (content: string): string => /^Message-ID: <([^@]+)@/im.exec(content)?.[1] ?? '';
