/**
 * The statements by which people look at what is queued, and move it: by lane, or by message. SQL only; no state.
 *
 * A lane may have any number of entries: each statement goes by an index and takes a slice.
 */
import { entriesOf, MESSAGE_OF_ENTRY, SUSPENDED, WAITING } from './tables.ts';

const LISTED = 'SELECT m.id, m.envelope, e.no, e.lane, e.due, e.attempts, e.state';

/** Entries of a lane that wait, the next due first, by the index. Parameters: lane, limit. */
export const LIST_WAITING = `
  ${LISTED} FROM entry e JOIN message m ON m.no = ${MESSAGE_OF_ENTRY}
  WHERE e.lane = ? AND e.state = ${WAITING} ORDER BY e.due, e.no LIMIT ?`;

/** Those that are suspended, the oldest first. */
export const LIST_SUSPENDED = `
  ${LISTED} FROM entry e JOIN message m ON m.no = ${MESSAGE_OF_ENTRY}
  WHERE e.lane = ? AND e.state = ${SUSPENDED} ORDER BY e.no LIMIT ?`;

/** Entries of one message, whatever the size of the queue. Parameters: message id, limit. */
export const LIST_OF_MESSAGE = `
  ${LISTED} FROM message m JOIN entry e ON ${entriesOf('m.no')}
  WHERE m.id = ? AND e.state IN (${WAITING}, ${SUSPENDED}) ORDER BY e.no LIMIT ?`;

/** Parameter: message id. */
export const MESSAGE_OF = 'SELECT no, envelope FROM message WHERE id = ?';

/** Where the unended entries of a message lie. Parameter: its number. */
export const LANES_OF_MESSAGE = `
  SELECT DISTINCT e.lane FROM entry e WHERE ${entriesOf('?1')} AND e.state IN (${WAITING}, ${SUSPENDED})`;

/** Those in one lane that are not leased. Parameters: number of the message, lane, leased (a JSON list). */
export const FREE_OF_MESSAGE = `
  SELECT e.no, e.due, e.attempts, e.intended, e.state FROM entry e WHERE ${entriesOf('?1')} AND e.lane = ?2
  AND e.state IN (${WAITING}, ${SUSPENDED}) AND e.no NOT IN (SELECT value FROM json_each(?3))`;

/** Entries of a lane, due or not. Parameters: lane, leased (a JSON list), limit. */
export const SEIZE = `
  SELECT * FROM (
    SELECT e.no, e.attempts, e.intended FROM entry e
    WHERE e.lane = ?1 AND e.state = ${WAITING} AND e.no NOT IN (SELECT value FROM json_each(?2)) LIMIT ?3)
  UNION ALL SELECT * FROM (
    SELECT e.no, e.attempts, e.intended FROM entry e
    WHERE e.lane = ?1 AND e.state = ${SUSPENDED} AND e.no NOT IN (SELECT value FROM json_each(?2)) LIMIT ?3)
  LIMIT ?3`;

/**
 * The least and the latest of a lane: numbers grow with time, so the least number is the oldest. Parameters: lane, how many
 * to look at from each end.
 */
export const ENDS_OF_LANE = `
  WITH
    first AS (SELECT no, due FROM entry WHERE lane = ?1 AND state = ${WAITING} ORDER BY due LIMIT ?2),
    last AS (SELECT no, due FROM entry WHERE lane = ?1 AND state = ${WAITING} ORDER BY due DESC LIMIT ?2),
    held AS (SELECT no FROM entry WHERE lane = ?1 AND state = ${SUSPENDED} LIMIT 2 * ?2)
  SELECT (SELECT min(due) FROM first) AS next,
    (SELECT min(no) FROM (SELECT no FROM first UNION ALL SELECT no FROM last UNION ALL SELECT no FROM held)) AS oldest,
    coalesce((SELECT no FROM last ORDER BY due DESC LIMIT 1), (SELECT max(no) FROM held)) AS latest,
    (SELECT count(*) FROM held) AS suspended`;

/** Parameter: numbers of messages (a JSON list). */
export const IDS = 'SELECT no, id FROM message WHERE no IN (SELECT value FROM json_each(?))';

/** A slice of what waits in a lane, in due order: two ranges of the index. Parameters: lane, due and number to go on after, limit. */
export const SLICE_WAITING = `
  SELECT * FROM (
    SELECT e.no, e.due FROM entry e
    WHERE e.lane = ?1 AND e.state = ${WAITING} AND e.due = ?2 AND e.no > ?3 ORDER BY e.no LIMIT ?4)
  UNION ALL SELECT * FROM (
    SELECT e.no, e.due FROM entry e
    WHERE e.lane = ?1 AND e.state = ${WAITING} AND e.due > ?2 ORDER BY e.due, e.no LIMIT ?4)
  LIMIT ?4`;

/** A slice of what is suspended in a lane. Parameters: lane, number to go on after, limit. */
export const SLICE_SUSPENDED = `
  SELECT e.no, e.due FROM entry e WHERE e.lane = ?1 AND e.state = ${SUSPENDED} AND e.no > ?2 ORDER BY e.no LIMIT ?3`;

/** Parameters: entries (a JSON list), and what `change` needs. */
export const moveEntries = (change: string): string =>
  `UPDATE entry SET ${change} WHERE no IN (SELECT value FROM json_each(?1))`;
