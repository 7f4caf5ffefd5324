/**
 * Mail that waits in a cluster for destinations that take none: put into its streams by the queue's port, as an ingress puts
 * it, and counted by a sink of its own when they open.
 */
import { systemClock } from '#lib/run/clock.ts';
import { systemRandom } from '#lib/run/random.ts';
import { type Message, newMessageId } from '#mta/mail/message.ts';
import { openQueue } from '../test/harness/jetstream.ts';
import type { Nats } from '../test/harness/nats.ts';

/** As `examples/bench` names its MTACluster. */
const QUEUE = 'default_local';
/** A stream's, unless it is declared. */
const STREAM_BYTES = 2 * 1024 ** 3;
/** Puts under way at a time: as many share a commit. */
const PUTS = 2000;
const BODY_BYTES = 1024;
const DAY = 24 * 3_600_000;

const LINE = `${'a line of what waits '.repeat(3)}\r\n`;
const BODY = LINE.repeat(Math.ceil(BODY_BYTES / LINE.length)).slice(0, BODY_BYTES - 2);

/** Mail of 1 KB to as many recipients, each at the domain of its number; durable when it resolves. */
export async function putWaiting(
  nats: Nats,
  shards: number,
  messages: number,
  domainOf: (at: number) => string,
): Promise<void> {
  const bytes = { logBytes: STREAM_BYTES, doneBytes: STREAM_BYTES };
  const { queue, close } = await openQueue(nats, QUEUE, systemClock, { ...bytes, shards });
  let next = 0;
  const go = async (): Promise<void> => {
    for (let at = next++; at < messages; at = next++) await queue.put(messageOf(at, domainOf(at)));
  };
  await Promise.all(Array.from({ length: PUTS }, go));
  await close();
}

function messageOf(at: number, domain: string): Message {
  const now = systemClock.now();
  const recipient = `u${at}@${domain}`;
  const head = `From: sender@example.com\r\nTo: ${recipient}\r\nSubject: ${at}\r\nMessage-ID: <${at}.${domain}@example.com>`;
  return {
    id: newMessageId(now, systemRandom),
    acceptedAt: now,
    expiresAt: now + DAY,
    tenant: 'default',
    credential: 'default.app',
    domain: 'example.com',
    pool: 'default/main',
    via: 'smtp',
    sender: 'sender@example.com',
    body: '7BIT',
    recipients: [recipient],
    raw: Buffer.from(`${head}\r\nX-Bench-Id: ${domain}-${at}\r\n\r\n${BODY}\r\n`),
  };
}

/** Mail for `domain` goes to a port of its own: a file of resources. */
export const routeOf = (domain: string, port: number): string => `apiVersion: postfleet.io/v1alpha1
kind: DestinationPolicy
metadata: { name: ${domain} }
spec:
  clusterRef: { name: local }
  match: { domains: [${domain}] }
  limits: { connections: 40, messagesPerConnection: 100 }
  routes: [{ host: 127.0.0.1, port: ${port} }]
`;
