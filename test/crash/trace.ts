/**
 * Reads what `strace -f -y` saw of a process and says whether each message was on disk before it was answered for.
 *
 * A message is covered when a write to the write-ahead log that holds its id was over before a sync of that log began
 * (fsync or fdatasync, as SQLite was built), and that sync had returned 0 before the reply with the id was handed to a
 * socket. strace writes lines in the order of events, also across threads; a call that others interrupt is two lines,
 * `<unfinished ...>` and `resumed`.
 */

export interface Findings {
  /** Ids of the replies to final dots, in order. */
  readonly replies: readonly string[];
  /** Those that were given before the message was on disk. */
  readonly early: readonly string[];
}

interface Call {
  readonly name: string;
  /** File or socket of the first argument, as `-y` shows it. */
  readonly path: string;
  readonly text: string;
  readonly result: number;
  readonly began: number;
  readonly ended: number;
}

export const SYNC_CALLS = 'write,writev,sendto,sendmsg,pwrite64,pwritev,fsync,fdatasync';

const REPLY = /250 2\.0\.0 queued as ([0-9a-z]{26})/;
const IS_SOCKET = /^(?:TCP|TCPv6|socket):/;
const IS_LOG = /\/queue\.db-wal$/;

export function judgeTrace(trace: string): Findings {
  const calls = readCalls(trace);
  const writes = calls.filter((it) => it.name.startsWith('pwrite') && IS_LOG.test(it.path) && it.result > 0);
  const syncs = calls.filter((it) => /^f(?:data)?sync$/.test(it.name) && IS_LOG.test(it.path) && it.result === 0);
  const replies = calls.filter((it) => IS_SOCKET.test(it.path) && REPLY.test(it.text));
  const isCovered = (id: string, replied: number): boolean =>
    writes.some((write) => write.text.includes(id) && syncs.some((it) => it.began > write.ended && it.ended < replied));
  const given = replies.map((it) => ({ id: REPLY.exec(it.text)?.[1] ?? '', began: it.began }));
  return {
    replies: given.map((it) => it.id),
    early: given.filter((it) => !isCovered(it.id, it.began)).map((it) => it.id),
  };
}

function readCalls(trace: string): Call[] {
  const calls: Call[] = [];
  const unfinished = new Map<string, { text: string; began: number }>();
  for (const [number, line] of trace.split('\n').entries()) {
    const [, thread = '', text = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(text)?.[1];
    if (text.endsWith('<unfinished ...>')) {
      unfinished.set(thread, { text: text.replace(/ *<unfinished \.\.\.>$/, ''), began: number });
    } else if (resumed === undefined) {
      calls.push(...callOf(text, number, number));
    } else {
      const begun = unfinished.get(thread);
      if (begun) calls.push(...callOf(begun.text + resumed, begun.began, number));
    }
  }
  return calls;
}

/** `fdatasync(21</data/queue.db-wal>) = 0`. None for signals, exits and what has no result. */
function callOf(text: string, began: number, ended: number): Call[] {
  const [, name = '', path = ''] = /^(\w+)\(\d+<((?:[^<>]|->)*)>/.exec(text) ?? [];
  const [, result] = / = (-?\d+)[^=]*$/.exec(text) ?? [];
  return name === '' || result === undefined ? [] : [{ name, path, text, result: Number(result), began, ended }];
}
