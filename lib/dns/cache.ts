/**
 * Answers kept for as long as their zones allow, and questions asked once however many wait for them.
 *
 * Promises: nothing is given after its TTL, by a clock that never goes back, nor after a day (an hour for "there is
 * none"), whatever a zone says; there is no floor, so what has a TTL of 0 serves those who waited for it and nobody
 * after; a failure is kept `FAILURE_TTL`, so that a broken zone is not asked per message (RFC 9520). Memory is bounded by
 * `capacity` bytes of messages; what was not used longest goes first.
 */
import { type Clock, type Duration, hours, seconds } from '#lib/run/clock.ts';
import { metrics } from '#lib/run/metrics.ts';
import type { Lookup, LookUp } from './lookup.ts';

const CEILING: Duration = hours(24);
const NEGATIVE_CEILING: Duration = hours(1);
const FAILURE_TTL: Duration = seconds(2);

const CAPACITY = 64 * 1024 * 1024;
/** What an entry takes beside its records, and a byte of message takes once it is decoded: both estimates. */
const ENTRY_BYTES = 400;
const DECODED = 4;

interface Entry {
  readonly lookup: Lookup;
  /** On the monotonic clock. */
  readonly until: Duration;
  readonly bytes: number;
}

/** `lookUp`, through a cache of its own. */
export function cached(lookUp: LookUp, clock: Clock, capacity = CAPACITY): LookUp {
  const cache = new Cache(clock, capacity);
  const underWay = new Map<string, Promise<Lookup>>();
  return async (question) => {
    const key = `${question.type} ${question.name}`;
    const known = cache.get(key);
    if (known) return shared('cache', known);
    const waiting = underWay.get(key);
    if (waiting) return shared('question', waiting);
    const asked = lookUp(question);
    underWay.set(key, asked);
    try {
      const lookup = await asked;
      cache.set(key, lookup);
      return lookup;
    } finally {
      underWay.delete(key);
    }
  };
}

function shared<Value>(by: 'cache' | 'question', value: Value): Value {
  metrics.dnsShared.inc({ by });
  return value;
}

/** A map keeps the order of insertion: the first key is the one not used for longest. */
class Cache {
  readonly #clock: Clock;
  readonly #capacity: number;
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  constructor(clock: Clock, capacity: number) {
    this.#clock = clock;
    this.#capacity = capacity;
  }

  get(key: string): Lookup | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    this.#remove(key, entry);
    if (entry.until <= this.#clock.monotonic()) return undefined;
    this.#add(key, entry);
    return entry.lookup;
  }

  set(key: string, lookup: Lookup): void {
    const ttl = ttlOf(lookup);
    const bytes = ENTRY_BYTES + (lookup.kind === 'found' ? DECODED * lookup.bytes : 0);
    if (ttl <= 0 || bytes > this.#capacity) return;
    const former = this.#entries.get(key);
    if (former) this.#remove(key, former);
    this.#add(key, { lookup, bytes, until: this.#clock.monotonic() + ttl });
    for (const [oldest, entry] of this.#entries) {
      if (this.#bytes <= this.#capacity) break;
      this.#remove(oldest, entry);
    }
  }

  #add(key: string, entry: Entry): void {
    this.#entries.set(key, entry);
    this.#bytes += entry.bytes;
  }

  #remove(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
  }
}

function ttlOf(lookup: Lookup): Duration {
  if (lookup.kind === 'found') return Math.min(lookup.ttl, CEILING);
  return lookup.kind === 'temporary' ? FAILURE_TTL : Math.min(lookup.ttl, NEGATIVE_CEILING);
}
