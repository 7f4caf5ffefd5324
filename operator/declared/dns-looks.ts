/**
 * What is asked of DNS about the addresses of pools: their names, and whether blocklists have them.
 *
 * Names are looked at each hour, each minute while one is not as it should be; blocklists every quarter of an hour, and every five
 * minutes while one has an address: their operators count questions.
 */
import type { IPPool } from '#crds/kinds/ip-pool.ts';
import { keyOf } from '#crds/resource.ts';
import { type Listing, listingOf } from '#lib/dns/blocklist.ts';
import type { LookUp } from '#lib/dns/lookup.ts';
import { type Reverse, reverseOf } from '#lib/dns/reverse.ts';
import { type Clock, type Duration, hours, minutes } from '#lib/run/clock.ts';
import { AddressLooks, type Answers } from './address-looks.ts';

export interface DnsLooksOptions {
  readonly clock: Clock;
  readonly lookUp: LookUp;
  /** A look has ended, at the pool of this key. Must not throw. */
  readonly looked: (key: string) => void;
}

/** What was found last; undefined before the first look. */
export interface DnsFound {
  readonly reverses: Answers<Reverse> | undefined;
  /** By `<list> <address>`. */
  readonly listings: Answers<Listing> | undefined;
  readonly again: Duration;
}

export const listQuestion = (list: string, address: string): string => `${list} ${address}`;

export class DnsLooks {
  readonly #reverses: AddressLooks<Reverse>;
  readonly #listings: AddressLooks<Listing>;

  constructor({ clock, lookUp, looked }: DnsLooksOptions) {
    this.#reverses = new AddressLooks({
      clock,
      looked,
      ask: (address) => reverseOf(address, lookUp),
      isKnown: ({ kind }) => kind !== 'unknown',
      isWell: ({ kind }) => kind === 'confirmed',
      slow: hours(1),
      fast: minutes(1),
    });
    this.#listings = new AddressLooks({
      clock,
      looked,
      ask: (question) => askList(question, lookUp),
      isKnown: ({ kind }) => kind !== 'unknown',
      isWell: ({ kind }) => kind !== 'listed',
      slow: minutes(15),
      fast: minutes(5),
    });
  }

  of({ metadata, spec: { members, health } }: IPPool): DnsFound {
    const key = keyOf(metadata);
    const addresses = members.map(({ address }) => address);
    const questions = health.dnsbls.flatMap((list) => addresses.map((it) => listQuestion(list, it)));
    const [names, lists] = [this.#reverses.of(key, addresses), this.#listings.of(key, questions)];
    return { reverses: names.found, listings: lists.found, again: Math.min(names.again, lists.again) };
  }

  /** The pool is no more. */
  drop(key: string): void {
    this.#reverses.drop(key);
    this.#listings.drop(key);
  }
}

function askList(question: string, lookUp: LookUp): Promise<Listing> {
  const [list = '', address = ''] = question.split(' ');
  return listingOf(address, list, lookUp);
}
