/**
 * Judges shares: no tenant's mail that is due waits at a site while many messages of others are tried there.
 */
import type { FakeClock } from '#lib/run/fake-clock.ts';
import { type Duration, type Instant, seconds } from '#lib/run/clock.ts';
import type { Slots } from '#mta/queue/sqlite/in-hand.ts';
import { messageNoOf, WAITING } from '#mta/queue/sqlite/tables.ts';
import { POOL, type Site, TENANTS } from './declared.ts';
import type { Disk } from './disk.ts';

/** Messages that a connection may hold, and that a tenant may send each round. */
const BATCH = 10;
/** What has only just become due is not overlooked. */
const JUST: Duration = seconds(10);
/** Messages of others before one's own turn: what connections hold already, and the turns of everybody else. */
const mostAhead = ({ connections }: Site): number => BATCH * (connections + TENANTS.length);
/** Looked at, of what waits. */
const LOOKED_AT = 100;

export interface FairnessSurroundings {
  readonly clock: FakeClock;
  readonly disk: Disk;
  readonly slots: Slots;
  readonly violate: (what: string) => void;
}

export class Fairness {
  readonly #around: FairnessSurroundings;
  /** Messages of others since the last of one's own, by site and tenant. */
  readonly #ahead = new Map<string, number>();
  #pausedUntil: Instant = 0;

  constructor(around: FairnessSurroundings) {
    this.#around = around;
  }

  /** Until then some may get less than their share: somebody ordered it. */
  pause(until: Instant): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, until);
    this.forget();
  }

  /** Shares are counted anew: the world has changed. */
  forget(): void {
    this.#ahead.clear();
  }

  tried(site: Site, tenant: string): void {
    if (this.#around.clock.now() < this.#pausedUntil) return;
    for (const other of TENANTS) {
      const key = `${site.name} ${other}`;
      const ahead = other !== tenant && this.#waits(site, other) ? (this.#ahead.get(key) ?? 0) + 1 : 0;
      this.#ahead.set(key, ahead);
      if (ahead === mostAhead(site))
        this.#around.violate(`${other} waits at ${site.name} while ${ahead} of others are tried`);
    }
  }

  /** Whether mail of a tenant is due there that nobody has in hand. */
  #waits(site: Site, tenant: string): boolean {
    const { clock, disk } = this.#around;
    const inHand = this.#inHand();
    const sql = `SELECT no FROM entry WHERE state = ${WAITING} AND lane >= ? AND lane < ? AND due <= ? LIMIT ${LOOKED_AT}`;
    return site.domains.some((domain) => {
      const lane = `${tenant} ${POOL} ${domain}`;
      const rows = disk.ask(sql, lane, `${lane}!`, clock.now() - JUST);
      return rows.some((row) => !inHand.has(messageNoOf(Number(row['no']))));
    });
  }

  /** Messages that are noted as in hand. */
  #inHand(): Set<number> {
    const image = this.#around.slots.read();
    const numbers = new Set<number>();
    for (let at = 0; at + 8 <= image.length; at += 8) numbers.add(Number(image.readBigUInt64LE(at)));
    return numbers;
  }
}
