/**
 * What a crash means for the messages that were in hand: one of them may be why.
 *
 * A message that was there twice waits apart from the others, so that what happens next happens to few; one that was there
 * three times is set aside, with an event for each recipient, until somebody says otherwise. A crash of a day ago is
 * forgotten, and so is every crash when a message ends. Whether the process ended by itself is `in-hand.ts`'s to know.
 */
import { type Duration, type Instant, seconds } from '#lib/run/clock.ts';
import { codeOf } from '#lib/run/fault.ts';
import type { Database } from '#lib/sqlite/database.ts';
import type { Row } from '#lib/sqlite/protocol.ts';
import { type MailEvent, setAsideEvent } from '../../mail/event.ts';
import { type Change, inParts, type Journal } from '../changes.ts';
import { decodeMessage } from '../codec.ts';
import { REMEMBERED_FOR } from './carry-out.ts';
import * as tables from './tables.ts';

/** Crashes after which a message is set aside, and those after which it waits apart. */
const MOST = 3;
const APART = 2;
/** Between two that wait apart, many times what it takes to parse and sign one; and the longest that all of them together take. */
const SPACING: Duration = seconds(1);
const LONGEST_SPREAD: Duration = seconds(30);

/** What was found at the start. */
export interface AfterCrash {
  /** Messages that were in hand and have not ended. */
  readonly inHand: number;
  /** Those that now wait apart from one another. */
  readonly apart: number;
  /** Of each recipient that was set aside; durable. */
  readonly setAside: readonly MailEvent[];
}

/** A message that was in hand, and at how many crashes, this one included. */
interface Suspect {
  readonly no: number;
  readonly crashes: number;
}

/** Parameters: messages (a JSON list), the oldest crash that counts. */
const FOUND = `
  SELECT m.no, coalesce(s.crashes, 0) + 1 AS crashes FROM message m
  LEFT JOIN suspect s ON s.message = m.no AND s.last >= ?2
  WHERE m.no IN (SELECT value FROM json_each(?1)) ORDER BY m.no`;

/**
 * Counts a crash for every message `found` in hand, and does what follows from it; durable when it resolves. On a full disk
 * the start is worth more than the count: then nothing is written.
 */
export async function countCrash(
  database: Database,
  found: readonly number[],
  now: Instant,
  journal: Journal,
): Promise<AfterCrash> {
  const rows = await database.read(FOUND, [JSON.stringify(found), now - REMEMBERED_FOR]);
  const suspects: Suspect[] = rows.map((row) => ({ no: Number(row['no']), crashes: Number(row['crashes']) }));
  const most = suspects.filter((it) => it.crashes >= MOST);
  const apart = suspects.filter((it) => it.crashes === APART);
  const waiting = await database.read(tables.WAITING_OF, [JSON.stringify(most.map((it) => it.no))]);
  const setAside = waiting.map((row) => eventOf(row, now));
  const noted = suspects.map(({ no, crashes }) => ({ message: no, crashes: Math.min(crashes, MOST - 1) }));
  const aside = most.map((it) => it.no);
  try {
    const none = { kind: 'crashed', at: now, suspects: [], aside: [], apart: [], events: [] } as const;
    const counted: Change = { ...none, suspects: noted, aside, apart: spread(apart, now) };
    await journal.write([counted, ...inParts(setAside).map((events): Change => Object.assign({}, none, { events }))]);
  } catch (thrown) {
    if (codeOf(thrown) !== 'storage-full') throw thrown;
    return { inHand: suspects.length, apart: 0, setAside: [] };
  }
  return { inHand: suspects.length, apart: apart.length, setAside };
}

function spread(apart: readonly Suspect[], now: Instant): { readonly message: number; readonly due: Instant }[] {
  const spacing = Math.min(SPACING, Math.floor(LONGEST_SPREAD / Math.max(apart.length, 1)));
  return apart.map(({ no }, at) => ({ message: no, due: now + (at + 1) * spacing }));
}

const NOTHING = Buffer.alloc(0);

const eventOf = (row: Row, now: Instant): MailEvent =>
  setAsideEvent(
    decodeMessage(String(row['envelope']), NOTHING),
    tables.indexOf(Number(row['no'])),
    Number(row['attempts']),
    `in hand at ${MOST} crashes: postfleet resume --message lets it go`,
    now,
  );
