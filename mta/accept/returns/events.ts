/**
 * The events that mail which came back makes: that it came, and what it says. Pure.
 */
import type { Instant } from '#lib/run/clock.ts';
import type { EventType, MailEvent } from '../../mail/event.ts';
import { type Reply, replyLine } from '../../mail/reply.ts';
import type { Report } from '../../mail/report.ts';
import type { Peer } from '../smtp/submission.ts';
import type { Consequence } from './consequence.ts';

/** The recipient it is about, and how many attempts there were. */
export interface About {
  readonly queued: MailEvent;
  readonly attempt: number;
  readonly now: Instant;
}

/** `said`: the reply to who returned it. */
export const returnedEvent = (
  about: About,
  said: Reply,
  peer: Peer,
  { kind }: Report,
  by: 'return-path' | 'headers',
): MailEvent => ({
  ...eventOf(about, 'returned', said),
  report: kind,
  ...(by === 'headers' && { foundBy: by }),
  host: hostOf(peer),
  ...(peer.tls !== undefined && { tls: peer.tls }),
});

export const laterEvent = (about: About, { type, said, host, judged, suppress }: Consequence): MailEvent => ({
  ...eventOf(about, type, said),
  ...(host !== undefined && { host }),
  ...(judged && { class: judged.class, rule: judged.rule }),
  ...(suppress && { suppressed: suppress }),
});

/** Who handed it in, as events name hosts. */
export const hostOf = ({ ehlo, address }: Peer): string => `${ehlo} [${address}]`;

const eventOf = ({ queued, attempt, now }: About, type: EventType, said: Reply): MailEvent => ({
  v: 1,
  at: now,
  type,
  message: queued.message,
  index: queued.index,
  tenant: queued.tenant,
  sender: queued.sender,
  recipient: queued.recipient,
  reply: replyLine(said),
  attempt,
  ...(queued.traceparent !== undefined && { traceparent: queued.traceparent }),
});
