/**
 * `node bench/backlog-seed.ts FOLDER MESSAGES DOMAINS TENANTS [SUFFIX]`: fills a data folder with a backlog, through the queue's port.
 *
 * Tenants are the namespaces `tenant-0`, …, each with a domain of that name. Messages of 2 KB go round the domains, then round the tenants, so that every pair has a lane as soon as there are enough.
 * Half of each lane is leased and settled as deferred, due again over the next hours; the other half is due. Each has an
 * id in its header for who counts deliveries. Domains are `d0.test`, `d1.test`, …, or end in SUFFIX.
 * `node bench/backlog-seed.ts FOLDER depth` tells how many are queued.
 */
import { systemClock as clock } from '#lib/run/clock.ts';
import { systemRandom as random } from '#lib/run/random.ts';
import type { MailEvent } from '#mta/mail/event.ts';
import { type Message, newMessageId } from '#mta/mail/message.ts';
import type { Claim, Lease, Queue, Settlement } from '#mta/queue/queue.ts';
import { reply, replyLine } from '#mta/mail/reply.ts';
import { openQueue } from '../test/crash/queue-file.ts';

/** Puts under way at a time: as many share a commit. */
const PUTS = 2000;
/** Lanes whose half is deferred at a time. */
const LANES = 200;
const BODY_BYTES = 2048;
const HOLD = 600_000;
const DAY = 24 * 3_600_000;
/** Over how long what was deferred becomes due again. */
const DUE_AGAIN = 4 * 3_600_000;
const BUSY = reply(451, '4.7.1', 'come back later');

const LINE = `${'a line of the backlog '.repeat(3)}\r\n`;
const BODY = LINE.repeat(Math.ceil(BODY_BYTES / LINE.length)).slice(0, BODY_BYTES - 2);

function messageOf(at: number, domains: number, tenants: number, suffix: string): Message {
  const now = clock.now();
  const recipient = `u${at}@d${at % domains}.${suffix}`;
  const tenant = `tenant-${Math.floor(at / domains) % tenants}`;
  const head = `From: sender@${tenant}.test\r\nTo: ${recipient}\r\nSubject: ${at}\r\nMessage-ID: <${at}@${tenant}.test>`;
  return {
    id: newMessageId(now, random),
    acceptedAt: now,
    expiresAt: now + DAY,
    tenant,
    credential: `${tenant}.app`,
    domain: `${tenant}.test`,
    pool: 'default/main',
    via: 'smtp',
    sender: `sender@${tenant}.test`,
    body: '7BIT',
    recipients: [recipient],
    raw: Buffer.from(`${head}\r\nX-Bench-Id: seed-${at}\r\n\r\n${BODY}\r\n`),
  };
}

function deferred(lease: Lease): Settlement {
  const now = clock.now();
  const due = now + Math.floor(random.fraction() * DUE_AGAIN);
  const { message, index, recipient, attempts } = lease;
  const { id, tenant, sender } = message;
  const of = { message: id, index, tenant, sender, recipient, reply: replyLine(BUSY), attempt: attempts + 1 };
  const event: MailEvent = { v: 1, at: now, type: 'deferred', ...of, due };
  return { lease, outcome: { kind: 'later', reply: BUSY, due }, event };
}

/** Does `work` with 0, 1, … `count` - 1, some at once. */
async function forAll(count: number, atOnce: number, work: (at: number) => Promise<void>): Promise<void> {
  let next = 0;
  const go = async (): Promise<void> => {
    for (let at = next++; at < count; at = next++) await work(at);
  };
  await Promise.all(Array.from({ length: atOnce }, go));
}

/** Half of each lane, the odd one in every second. Answers how many. */
async function deferHalf(queue: Queue, claim: Claim): Promise<number> {
  const lanes = queue.depth();
  let count = 0;
  await forAll(lanes.length, LANES, async (at) => {
    const { lane = '', depth = 0 } = lanes[at] ?? {};
    const half = Math.floor((depth + (at % 2)) / 2);
    const leases = half > 0 ? await queue.lease(claim, lane, half, HOLD) : [];
    if (leases.length > 0) await queue.settle(claim, leases.map(deferred));
    count += leases.length;
  });
  return count;
}

const [folder = '', messages = '', domains = '', tenants = '', suffix = 'test'] = process.argv.slice(2);
const file = await openQueue(folder);
const { queue } = file;
if (messages === 'depth') {
  const queued = queue.depth().reduce((sum, { depth }) => sum + depth, 0);
  process.stdout.write(`${JSON.stringify({ queued })}\n`);
} else {
  await forAll(Number(messages), PUTS, (at) => queue.put(messageOf(at, Number(domains), Number(tenants), suffix)));
  const deferrals = await deferHalf(queue, await queue.claim(0));
  const lanes = queue.depth().length;
  process.stdout.write(`${JSON.stringify({ queued: Number(messages), deferred: deferrals, lanes })}\n`);
}
await file.close();
