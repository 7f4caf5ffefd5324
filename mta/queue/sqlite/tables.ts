/**
 * The queue's tables and the statements that change them. SQL only; no state.
 *
 * `message` holds what was accepted, once; `entry` a row per recipient that has not ended, or whose failure is still
 * to be reported. Which entries are leased is not written down: the process that holds the file is the only one that
 * leases, and when it dies all leases die with it.
 */
import type { Statement } from '#lib/sqlite/protocol.ts';
import { encodeEnvelope } from '../codec.ts';
import type { Message, MessageId } from '../../message.ts';
import type { LaneName } from '../queue.ts';

/** `state` of an entry: to be tried, failed and not yet reported to the sender, held back by an operator. */
export const WAITING = 0;
const FAILED = 1;
export const SUSPENDED = 2;
/** Its message cannot be read: kept for a person to look at, out of everybody's way. */
const SET_ASIDE = 3;

export const QUEUE_TABLES = `
  CREATE TABLE message (no INTEGER PRIMARY KEY, id TEXT NOT NULL, envelope TEXT NOT NULL, raw BLOB NOT NULL);
  CREATE UNIQUE INDEX message_id ON message (id);
  CREATE TABLE entry (
    no INTEGER PRIMARY KEY, message INTEGER NOT NULL, idx INTEGER NOT NULL, lane TEXT NOT NULL,
    due INTEGER NOT NULL, attempts INTEGER NOT NULL, state INTEGER NOT NULL, failure TEXT);
  CREATE INDEX entry_due ON entry (lane, due, no) WHERE state = ${WAITING};
  CREATE INDEX entry_message ON entry (message);
  CREATE INDEX entry_failed ON entry (message) WHERE state = ${FAILED};
  CREATE INDEX entry_suspended ON entry (lane) WHERE state = ${SUSPENDED}`;

/** The ids of messages that are queued, or whose failure is to be reported. */
export const QUEUED_IDS = 'SELECT id FROM message';

/** The entry of one recipient, as far as memory needs to know it. */
export interface EntryKey {
  readonly no: number;
  readonly messageNo: number;
}

export const insertMessage = (no: number, message: Message): Statement => ({
  sql: 'INSERT INTO message VALUES (?, ?, ?, ?)',
  params: [no, message.id, encodeEnvelope(message), message.raw],
});

export const insertEntry = (entry: EntryKey, index: number, lane: LaneName, due: number): Statement => ({
  sql: `INSERT INTO entry VALUES (?, ?, ?, ?, ?, 0, ${WAITING}, NULL)`,
  params: [entry.no, entry.messageNo, index, lane, due],
});

export const deferEntry = (entry: EntryKey, due: number): Statement => ({
  sql: 'UPDATE entry SET due = ?, attempts = attempts + 1 WHERE no = ?',
  params: [due, entry.no],
});

/** Keeps the entry as a debt: its failure is to be reported to the sender. */
export const failEntry = (entry: EntryKey, failure: string): Statement => ({
  sql: `UPDATE entry SET state = ${FAILED}, attempts = attempts + 1, failure = ? WHERE no = ?`,
  params: [failure, entry.no],
});

/** Ends an entry, and its message with it when that was the last; `only`: it is known to be the only one. */
export const endEntry = (entry: EntryKey, only: boolean): Statement[] => [
  { sql: 'DELETE FROM entry WHERE no = ?', params: [entry.no] },
  {
    sql: only ? 'DELETE FROM message WHERE no = ?' : `DELETE FROM message WHERE no = ? AND ${WITHOUT_ENTRIES}`,
    params: [entry.messageNo],
  },
];

const WITHOUT_ENTRIES = 'NOT EXISTS (SELECT 1 FROM entry e WHERE e.message = message.no)';

/** Drops the message if no entry of it is left. */
export const endMessageById = (id: MessageId): Statement => ({
  sql: `DELETE FROM message WHERE id = ? AND ${WITHOUT_ENTRIES}`,
  params: [id],
});

/** Entries of a lane in due order, leased ones (a JSON list) left out. Parameters: lane, leased, limit. */
export const NEXT_ENTRIES = `
  SELECT e.no, e.message AS messageNo, e.idx, e.due, e.attempts FROM entry e
  WHERE e.lane = ?1 AND e.state = ${WAITING} AND e.no NOT IN (SELECT value FROM json_each(?2))
  ORDER BY e.due, e.no LIMIT ?3`;

/** Parameter: numbers (a JSON list). */
export const MESSAGES = 'SELECT no, envelope, raw FROM message WHERE no IN (SELECT value FROM json_each(?))';

export const setAside = (messageNo: number): Statement => ({
  sql: `UPDATE entry SET state = ${SET_ASIDE} WHERE message = ?`,
  params: [messageNo],
});

/** Every lane with something in it; `due` is null when all of it is suspended. */
export const LANES = `
  SELECT lane, count(*) AS depth, min(due) AS due FROM entry WHERE state = ${WAITING} GROUP BY lane
  UNION ALL SELECT lane, count(*), NULL FROM entry WHERE state = ${SUSPENDED} GROUP BY lane`;

export const LAST_NUMBERS = `
  SELECT (SELECT coalesce(max(no), 0) FROM message) AS message, (SELECT coalesce(max(no), 0) FROM entry) AS entry`;

/** Messages with a debt and no recipient still untried. Parameter: limit. */
export const OWED_MESSAGES = `
  SELECT m.no, m.envelope, m.raw FROM message m
  WHERE m.no IN (SELECT message FROM entry WHERE state = ${FAILED})
    AND NOT EXISTS (SELECT 1 FROM entry e WHERE e.message = m.no AND e.state <> ${FAILED} AND e.attempts = 0)
  LIMIT ?`;

export const FAILURES_OF = `SELECT idx, failure FROM entry WHERE message = ? AND state = ${FAILED} ORDER BY idx`;

export const clearFailure = (id: MessageId, index: number): Statement => ({
  sql: `DELETE FROM entry WHERE message = (SELECT no FROM message WHERE id = ?) AND idx = ? AND state = ${FAILED}`,
  params: [id, index],
});

/**
 * Where entries that have not ended lie. Parameters: message id or NULL, lanes (a JSON list), leased (a JSON list).
 * `anyway` also finds those that are leased.
 */
const selected = (anyway: boolean): string => `
  FROM entry e JOIN message m ON m.no = e.message
  WHERE (?1 IS NULL OR e.message = (SELECT no FROM message WHERE id = ?1))
  AND e.lane IN (SELECT value FROM json_each(?2)) AND e.state IN (${WAITING}, ${SUSPENDED})
  ${anyway ? '' : 'AND e.no NOT IN (SELECT value FROM json_each(?3))'}`;

/** One more parameter: limit. */
export const LIST = `
  SELECT m.id, m.envelope, e.no, e.idx, e.lane, e.due, e.attempts, e.state ${selected(true)}
  ORDER BY e.lane, e.due, e.no LIMIT ?3`;

/** One more parameter: limit. */
export const SEIZE = `
  SELECT e.no, e.message AS messageNo, e.idx, e.attempts ${selected(false)} LIMIT ?4`;

/** Entries of a lane that a move changes. More parameters: states (a JSON list), the entry to go on after, limit. */
export const MOVABLE = `
  SELECT e.no, e.due ${selected(false)} AND e.state IN (SELECT value FROM json_each(?4)) AND e.no > ?5
  ORDER BY e.no LIMIT ?6`;

/** Parameters: entries (a JSON list), and what `change` needs. */
export const moveEntries = (change: string): string =>
  `UPDATE entry SET ${change} WHERE no IN (SELECT value FROM json_each(?1))`;

/** Entries of one message, whatever the size of the queue. Parameters: message id, limit. */
export const LIST_OF_MESSAGE = `
  SELECT m.id, m.envelope, e.no, e.idx, e.lane, e.due, e.attempts, e.state
  FROM message m JOIN entry e ON e.message = m.no
  WHERE m.id = ? AND e.state IN (${WAITING}, ${SUSPENDED}) ORDER BY e.idx LIMIT ?`;
