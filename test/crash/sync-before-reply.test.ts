/**
 * No message is answered 250 before it is on disk: seen from outside, in the system calls of the process.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { ConfigFolder } from '../harness/config.ts';
import { Postfleet } from '../harness/postfleet.ts';
import { Receiver } from '../harness/receiver.ts';
import { openScene } from '../harness/scene.ts';
import { plainMessage, SmtpClient } from '../harness/smtp-client.ts';
import { until } from '../harness/until.ts';
import { judgeTrace, SYNC_CALLS } from './trace.ts';

const ID = '01m804kbr03tj4ax355jf999k3';
const WRITE = `7  pwrite64(21</data/queue.db-wal>, "\\0\\1${ID}", 16384, 32) = 16384`;
const SYNC = '7  fdatasync(21</data/queue.db-wal>) = 0';
const REPLY = `5  write(23<TCP:[127.0.0.1:2525->127.0.0.1:9]>, "250 2.0.0 queued as ${ID}\\r\\n", 48) = 48`;

describe('the judge of traces', () => {
  test.each([
    { what: 'write, sync, reply', lines: [WRITE, SYNC, REPLY], early: [] },
    { what: 'write, the older kind of sync, reply', lines: [WRITE, SYNC.replace('fdata', 'f'), REPLY], early: [] },
    { what: 'no sync', lines: [WRITE, REPLY], early: [ID] },
    { what: 'a sync after the reply', lines: [WRITE, REPLY, SYNC], early: [ID] },
    { what: 'a sync before the write', lines: [SYNC, WRITE, REPLY], early: [ID] },
    {
      what: 'a sync that failed',
      lines: [WRITE, SYNC.replace('= 0', '= -1 EIO (Input/output error)'), REPLY],
      early: [ID],
    },
    { what: 'a sync of another file', lines: [WRITE, SYNC.replace('-wal', ''), REPLY], early: [ID] },
    { what: 'a write of another message', lines: [WRITE.replace(ID, 'x'.repeat(26)), SYNC, REPLY], early: [ID] },
    {
      what: 'a sync that returns after the reply has begun',
      lines: [WRITE, SYNC.replace(') = 0', ' <unfinished ...>'), REPLY, '7  <... fdatasync resumed>) = 0'],
      early: [ID],
    },
    {
      what: 'a sync that began before the write was over',
      lines: [
        WRITE.replace(/\) = .*/, ' <unfinished ...>'),
        SYNC.replace(/^7/, '8'),
        '7  <... pwrite64 resumed>) = 16384',
        REPLY,
      ],
      early: [ID],
    },
    {
      what: 'a sync in two lines, over before the reply',
      lines: [WRITE, SYNC.replace(') = 0', ' <unfinished ...>'), '7  <... fdatasync resumed>) = 0', REPLY],
      early: [],
    },
    {
      what: 'a reply that begins before the sync is over and ends after it',
      lines: [WRITE, REPLY.replace(/\) = .*/, ' <unfinished ...>'), SYNC, '5  <... write resumed>) = 48'],
      early: [ID],
    },
  ])('finds in "$what" the early replies', ({ lines, early }) => {
    expect(judgeTrace(lines.join('\n'))).toEqual({ replies: [ID], early });
  });

  test('counts what is written to a socket and not what is written to a log', () => {
    const logged = REPLY.replace(/<TCP[^ ]*>/, '<pipe:[4711]>');
    expect(judgeTrace([WRITE, SYNC, logged].join('\n'))).toEqual({ replies: [], early: [] });
  });
});

describe('a process under strace', () => {
  const scene = openScene();
  const EACH_ALONE = 25;
  const AT_ONCE = 8;
  let trace = '';
  let ids: string[] = [];

  /** Sends messages one after another, each waiting for its reply. */
  async function sendInTurn(port: number, count: number): Promise<string[]> {
    const client = await SmtpClient.open(port);
    const replies: string[] = [];
    for (let at = 0; at < count; at += 1) {
      const content = plainMessage('a@example.com', 'you@demo.test') + 'text\r\n'.repeat(at * 100);
      replies.push(await client.send('a@example.com', ['you@demo.test'], content));
    }
    client.close();
    return replies.map((it) => /^250 2\.0\.0 queued as (\S+)$/.exec(it)?.[1] ?? it);
  }

  beforeAll(async () => {
    const config = await ConfigFolder.from(scene, 'bench');
    scene.adopt(await Receiver.listen(config.ports.receiver));
    const file = join(scene.root, 'trace');
    // -D: what we start, and end, is the process itself; strace looks on from beside it.
    const under = ['strace', '-D', '-f', '-y', '-qq', '-s', '20000', '-e', `trace=${SYNC_CALLS}`, '-o', file];
    const fleet = await Postfleet.start(scene, config, { under });
    ids = await sendInTurn(config.ports.submission, EACH_ALONE);
    const senders = Array.from({ length: AT_ONCE }, () => sendInTurn(config.ports.submission, EACH_ALONE));
    ids.push(...(await Promise.all(senders)).flat());
    await fleet.stop();
    trace = await until('the trace to be whole', () => {
      const written = readFileSync(file, 'latin1');
      return ids.every((id) => written.includes(`queued as ${id}`)) ? written : undefined;
    });
  });

  test('hands no 250 to a socket before the sync that covers the message has returned', () => {
    const { replies, early } = judgeTrace(trace);
    expect(replies.toSorted()).toEqual(ids.toSorted());
    expect(replies).toHaveLength(EACH_ALONE * (1 + AT_ONCE));
    expect(early).toEqual([]);
  });

  test('and would be found out if it did: the same trace with the syncs made to fail', () => {
    const doctored = trace.replaceAll(
      /^(\d+ +(?:f(?:data)?sync\(.*\)|<\.\.\. f(?:data)?sync resumed>\))) += 0$/gm,
      '$1 = -1 EIO',
    );
    expect(judgeTrace(doctored).early).toHaveLength(ids.length);
  });
});
