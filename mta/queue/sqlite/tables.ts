/**
 * The queue's tables and the statements that change them. SQL only; no state.
 *
 * `message` holds what was accepted, once; `entry` a row per recipient that has not ended, or whose end is still to
 * be reported. Which entries are leased is not written down: the process that holds the file is the only one that
 * leases, and when it dies all leases die with it.
 *
 * An entry's number is made of its message's number and the recipient's index, so that the entries of a message lie side
 * by side and need no index of their own.
 */
import type { Statement } from '#lib/sqlite/protocol.ts';
import { encodeEnvelope } from '../codec.ts';
import type { Message, MessageId } from '../../mail/message.ts';
import type { LaneName } from '../queue.ts';

/** `state` of an entry: to be tried, ended and not yet reported to the sender, held back by an operator. */
export const WAITING = 0;
const ENDED = 1;
export const SUSPENDED = 2;
/** Its message cannot be read: kept for a person to look at, out of everybody's way. */
const SET_ASIDE = 3;

export const QUEUE_TABLES = `
  CREATE TABLE message (no INTEGER PRIMARY KEY, id TEXT NOT NULL, envelope TEXT NOT NULL, raw BLOB NOT NULL);
  CREATE UNIQUE INDEX message_id ON message (id);
  CREATE TABLE entry (
    no INTEGER PRIMARY KEY, lane TEXT NOT NULL, due INTEGER NOT NULL, attempts INTEGER NOT NULL,
    state INTEGER NOT NULL, failure TEXT);
  CREATE INDEX entry_due ON entry (lane, due) WHERE state = ${WAITING};
  CREATE INDEX entry_failed ON entry (no) WHERE state = ${ENDED};
  CREATE INDEX entry_suspended ON entry (lane) WHERE state = ${SUSPENDED}`;

/** What is to be reported of an entry is its debt: of one that waits as well, and '' when that was reported. */
export const DEBT_TABLES = `
  ALTER TABLE entry RENAME COLUMN failure TO debt;
  CREATE INDEX entry_owing ON entry (no) WHERE state = ${WAITING} AND debt IS NOT NULL AND debt <> ''`;

/** Whether a message may have been handed over. */
export const INTENT_TABLES = 'ALTER TABLE entry ADD COLUMN intended INTEGER NOT NULL DEFAULT 0';

const OWING = "e.debt IS NOT NULL AND e.debt <> ''";

/** The ids of messages that are queued, or of which something is to be reported. */
export const QUEUED_IDS = 'SELECT id FROM message';

/** Bits of an entry's number that are the recipient's index. */
const INDEX_BITS = 12;
const INDEXES = 2 ** INDEX_BITS;
/** Most recipients of a message. */
export const MOST_RECIPIENTS = INDEXES;

export const entryNo = (messageNo: number, index: number): number => messageNo * INDEXES + index;
export const messageNoOf = (entry: number): number => Math.floor(entry / INDEXES);
export const indexOf = (entry: number): number => entry % INDEXES;

export const MESSAGE_OF_ENTRY = `(e.no >> ${INDEX_BITS})`;
/** Entries `e` of the message whose number is `no`. */
export const entriesOf = (no: string): string =>
  `e.no BETWEEN ${no} * ${INDEXES} AND ${no} * ${INDEXES} + ${INDEXES - 1}`;

export const insertMessage = (no: number, message: Message): Statement => ({
  sql: 'INSERT INTO message VALUES (?, ?, ?, ?)',
  params: [no, message.id, encodeEnvelope(message), message.raw],
});

export const insertEntry = (entry: number, lane: LaneName, due: number): Statement => ({
  sql: `INSERT INTO entry (no, lane, due, attempts, state) VALUES (?, ?, ?, 0, ${WAITING})`,
  params: [entry, lane, due],
});

export const changeLane = (entry: number, lane: LaneName): Statement => ({
  sql: 'UPDATE entry SET lane = ? WHERE no = ?',
  params: [lane, entry],
});

/** What becomes of an entry that waits on. */
interface Deferral {
  readonly due: number;
  readonly attempts: number;
  readonly isHeld: boolean;
  /** An event to be reported to the sender, unless one was before. */
  readonly debt: string | undefined;
}

export const deferEntry = (entry: number, { due, attempts, isHeld, debt }: Deferral): Statement => ({
  sql: `UPDATE entry SET due = ?, attempts = ?, state = ?, intended = 0${debt === undefined ? '' : ', debt = coalesce(debt, ?)'} WHERE no = ?`,
  params: [due, attempts, isHeld ? SUSPENDED : WAITING, ...(debt === undefined ? [] : [debt]), entry],
});

/** The message may have been handed over from now on. */
export const intendEntry = (entry: number): Statement => ({
  sql: 'UPDATE entry SET intended = 1 WHERE no = ?',
  params: [entry],
});

/** Keeps the entry as a debt: how it ended is to be reported to the sender. */
export const endOwing = (entry: number, debt: string): Statement => ({
  sql: `UPDATE entry SET state = ${ENDED}, attempts = attempts + 1, debt = ? WHERE no = ?`,
  params: [debt, entry],
});

/** Ends an entry, and its message with it when that was the last; `only`: it is known to be the only one. */
export const endEntry = (entry: number, only: boolean): Statement[] => [
  { sql: 'DELETE FROM entry WHERE no = ?', params: [entry] },
  {
    sql: only ? 'DELETE FROM message WHERE no = ?' : `DELETE FROM message WHERE no = ? AND ${WITHOUT_ENTRIES}`,
    params: [messageNoOf(entry)],
  },
];

const WITHOUT_ENTRIES = `NOT EXISTS (SELECT 1 FROM entry e WHERE ${entriesOf('message.no')})`;

/** Drops the message if no entry of it is left. */
export const endMessageById = (id: MessageId): Statement => ({
  sql: `DELETE FROM message WHERE id = ? AND ${WITHOUT_ENTRIES}`,
  params: [id],
});

/**
 * Entries of a lane in due order, leased ones left out if there are any. The first that are due bring their messages along,
 * unless these are large or may be in memory: one reading where two would wait for commits twice. Two halves because a
 * place in the order costs more than all of the rest (measured, a lane of two: 55 µs against 170). Parameters: lane, how
 * many bring along, now, the first message that may be in memory, bytes, how many more, leased (a JSON list).
 */
const nextEntries = (someLeased: boolean): string => {
  const free = `e.lane = ?1 AND e.state = ${WAITING}${someLeased ? ' AND e.no NOT IN (SELECT value FROM json_each(?7))' : ''}`;
  const entries = 'e.no, e.due, e.attempts, e.intended';
  return `
  SELECT * FROM (
    SELECT ${entries}, m.envelope, m.raw FROM entry e
    LEFT JOIN message m ON e.due <= ?3 AND ${MESSAGE_OF_ENTRY} < ?4 AND m.no = ${MESSAGE_OF_ENTRY} AND length(m.raw) <= ?5
    WHERE ${free} ORDER BY e.due, e.no LIMIT ?2)
  UNION ALL SELECT * FROM (
    SELECT ${entries}, NULL, NULL FROM entry e WHERE ${free} ORDER BY e.due, e.no LIMIT ?6 OFFSET ?2)`;
};

export const NEXT_ENTRIES = nextEntries(false);
export const NEXT_ENTRIES_BUT_LEASED = nextEntries(true);

/**
 * Messages in the order asked for; `raw` is null where those before have as many bytes already. The size of a blob is
 * known without reading it. Parameters: numbers (a JSON list), bytes.
 */
export const MESSAGES = `
  WITH wanted AS (
    SELECT m.no, sum(length(m.raw)) OVER (ORDER BY it.key) - length(m.raw) AS before
    FROM json_each(?1) it JOIN message m ON m.no = it.value)
  SELECT m.no, m.envelope, CASE WHEN wanted.before < ?2 THEN m.raw END AS raw FROM wanted JOIN message m USING (no)`;

export const setAside = (messageNo: number): Statement => ({
  sql: `UPDATE entry AS e SET state = ${SET_ASIDE} WHERE ${entriesOf('?1')}`,
  params: [messageNo],
});

/** What waits of some messages. Parameter: their numbers (a JSON list). */
export const WAITING_OF = `
  SELECT e.no, e.attempts, m.envelope FROM json_each(?1) it JOIN message m ON m.no = it.value
  JOIN entry e ON ${entriesOf('m.no')} WHERE e.state = ${WAITING} ORDER BY e.no`;

/** Holds back what waits of a message. */
export const suspendMessage = (messageNo: number): Statement => ({
  sql: `UPDATE entry AS e SET state = ${SUSPENDED} WHERE e.state = ${WAITING} AND ${entriesOf('?1')}`,
  params: [messageNo],
});

export const SUSPECT_TABLES = `
  CREATE TABLE suspect (message INTEGER PRIMARY KEY, crashes INTEGER NOT NULL, last INTEGER NOT NULL)`;

/** What has ended, and old crashes. */
export const forgetSuspects = (before: number): Statement => ({
  sql: 'DELETE FROM suspect WHERE last < ? OR message NOT IN (SELECT no FROM message)',
  params: [before],
});

/** A message was in hand at so many crashes, the last one now. */
export const noteSuspect = (messageNo: number, crashes: number, now: number): Statement => ({
  sql: 'INSERT OR REPLACE INTO suspect VALUES (?, ?, ?)',
  params: [messageNo, crashes, now],
});

/** What waits of a message waits at least until `due`. */
export const delayMessage = (messageNo: number, due: number): Statement => ({
  sql: `UPDATE entry AS e SET due = max(due, ?2) WHERE e.state = ${WAITING} AND ${entriesOf('?1')}`,
  params: [messageNo, due],
});

/**
 * A page of lanes with something in them, in order of their names, as one JSON list of `[lane, depth, due]`: a row each
 * would take longer to hand from thread to thread than to read. `due` is null of what is suspended. Parameters: the lane
 * to go on after, limit.
 */
const lanesPage = (due: string, state: number): string => `
  SELECT json_group_array(json_array(lane, depth, due)) AS lanes FROM (
    SELECT lane, count(*) AS depth, ${due} AS due FROM entry
    WHERE state = ${state} AND lane > ?1 GROUP BY lane ORDER BY lane LIMIT ?2)`;
export const WAITING_LANES = lanesPage('min(due)', WAITING);
export const SUSPENDED_LANES = lanesPage('NULL', SUSPENDED);

export const LAST_NUMBER = 'SELECT coalesce(max(no), 0) AS no FROM message';

/** An entry `e` of message `m` that nobody has tried: due as it was put. What waits without an attempt is due later. */
const UNTRIED = `e.attempts = 0 AND e.due = coalesce(m.envelope ->> 'notBefore', m.envelope ->> 'acceptedAt')`;

/** Messages with a debt and no recipient still untried. Parameter: limit. */
export const OWED_MESSAGES = `
  SELECT m.no FROM message m
  WHERE m.no IN (
      SELECT ${MESSAGE_OF_ENTRY} FROM entry e WHERE e.state = ${ENDED}
      UNION SELECT ${MESSAGE_OF_ENTRY} FROM entry e WHERE e.state = ${WAITING} AND ${OWING})
    AND NOT EXISTS (SELECT 1 FROM entry e WHERE ${entriesOf('m.no')} AND e.state <> ${ENDED} AND ${UNTRIED} AND e.debt IS NULL)
  LIMIT ?`;

/** Parameter: number of the message. */
export const OWED_EVENTS = `
  SELECT e.no, e.debt FROM entry e
  WHERE ${entriesOf('?1')} AND (e.state = ${ENDED} OR (e.state = ${WAITING} AND ${OWING})) ORDER BY e.no`;

const ENTRY_OF = `no = (SELECT no FROM message WHERE id = ?) * ${INDEXES} + ?`;

/** Only that debt: the entry may owe another by now. What waits keeps a mark that it was reported. */
export const clearDebt = (id: MessageId, index: number, debt: string): Statement[] => [
  { sql: `DELETE FROM entry WHERE ${ENTRY_OF} AND state = ${ENDED} AND debt = ?`, params: [id, index, debt] },
  { sql: `UPDATE entry SET debt = '' WHERE ${ENTRY_OF} AND state <> ${ENDED} AND debt = ?`, params: [id, index, debt] },
];

/**
 * Those that are due, in due order. Parameters: number of the message, lane, leased (a JSON list), now, limit. The table's
 * own order finds them: without the plus a lane's whole backlog would be looked through.
 */
export const DUE_OF_MESSAGE = `
  SELECT e.no, e.due, e.attempts, e.intended FROM entry e WHERE ${entriesOf('?1')} AND +e.lane = ?2
  AND e.state = ${WAITING} AND e.due <= ?4 AND e.no NOT IN (SELECT value FROM json_each(?3))
  ORDER BY +e.due, e.no LIMIT ?5`;

/**
 * Lives of those that are due in a lane, in due order from a place on. Two ranges of the index, because one over (due, no)
 * would go through all that are due at the same time. Parameters: lane, due and number to go on after, now, limit.
 */
export const LIVES = `
  SELECT e.*, m.envelope ->> 'acceptedAt' AS acceptedAt, m.envelope ->> 'notBefore' AS notBefore,
    m.envelope ->> 'expiresAt' AS expiresAt
  FROM (
    SELECT * FROM (
      SELECT e.no, e.due, e.attempts, e.intended FROM entry e
      WHERE e.lane = ?1 AND e.state = ${WAITING} AND e.due = ?2 AND e.no > ?3 ORDER BY e.no LIMIT ?5)
    UNION ALL SELECT * FROM (
      SELECT e.no, e.due, e.attempts, e.intended FROM entry e
      WHERE e.lane = ?1 AND e.state = ${WAITING} AND e.due > ?2 AND e.due <= ?4 ORDER BY e.due, e.no LIMIT ?5)
    LIMIT ?5) e
  JOIN message m ON m.no = ${MESSAGE_OF_ENTRY} ORDER BY e.due, e.no`;
