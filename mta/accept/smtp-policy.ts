/**
 * Submission by SMTP: what the engine asks, answered by authority, admission and the queue.
 *
 * An identity is needed before MAIL; without one nothing is accepted for anybody. The null sender and foreign
 * recipients are fine for those who may send, unless the tenant's own suppressions name the recipient.
 */
import { metrics } from '#lib/run/metrics.ts';
import type { Reply } from '../mail/reply.ts';
import type { Suppressions } from '../settle/ledger/suppressions.ts';
import { type Suppression, suppressedReply } from '../mail/suppression.ts';
import { admitSender } from './admit.ts';
import { type Authority, sharersOf, type Submitter } from './authority.ts';
import type { Submissions } from './submit.ts';
import { acceptedReply } from './submitted.ts';
import type { Envelope, Peer, SmtpPolicy } from './smtp/submission.ts';

/** `putOff`: why new mail is put off now, if it is. */
export function submissionPolicy(
  authority: Authority,
  submissions: Submissions,
  suppressions: Pick<Suppressions, 'match'>,
  putOff: () => Reply | undefined,
): SmtpPolicy<Submitter> {
  return {
    trust: (peer) => authority.trusted(peer.address),
    async authenticate({ address }, username, password) {
      const bearer = await authority.bearer(username, password, address, 'SMTP');
      if (bearer.kind === 'submitter') return { kind: 'identity', identity: bearer.submitter };
      return { kind: bearer.kind === 'unheard' ? bearer.why.kind : 'wrong' };
    },
    sharers: sharersOf,
    mail: (submitter, sender) => {
      const refusal = submitter && admitSender(authority, submitter, sender);
      if (refusal) metrics.refused.inc({ check: refusal.check });
      if (refusal) return refusal.reply;
      const later = putOff();
      if (later) metrics.refused.inc({ check: 'storage' });
      return later;
    },
    rcpt: (submitter, _sender, recipient) => {
      const found = submitter && suppressions.match(submitter.tenant, recipient);
      return found && refusalOf(found);
    },
    accept: (submitter, peer, envelope, raw) => accept(submissions, submitter, peer, envelope, raw),
  };
}

async function refusalOf(found: Promise<Suppression | undefined>): Promise<Reply | undefined> {
  const suppression = await found;
  if (suppression) metrics.refused.inc({ check: 'suppression' });
  return suppression && suppressedReply(suppression);
}

async function accept(
  submissions: Submissions,
  submitter: Submitter | undefined,
  peer: Peer,
  { sender, recipients, smtpUtf8, dsn }: Envelope,
  raw: Buffer,
): Promise<Reply> {
  if (!submitter) throw new Error('the engine lets nobody send without an identity');
  const protocol = protocolOf(peer, submitter, smtpUtf8);
  const extended = { ...(smtpUtf8 && { smtpUtf8 }), ...(dsn && { dsn }) };
  const submission = { via: 'smtp' as const, sender, recipients, raw, protocol, peer, ...extended };
  const submitted = await submissions.submit(submitter, submission);
  if (submitted.kind === 'accepted') return acceptedReply(submitted.message.id);
  if (submitted.kind === 'repeated') return acceptedReply(submitted.id);
  metrics.refused.inc({ check: submitted.check });
  return submitted.reply;
}

/** RFC 3848: E for EHLO, or UTF8 (RFC 6531), S for TLS, A for authenticated (which a trusted network counts as). */
const protocolOf = (peer: Peer, submitter: Submitter | undefined, smtpUtf8 = false): string =>
  `${smtpUtf8 ? 'UTF8' : peer.esmtp ? 'E' : ''}SMTP${peer.tls ? 'S' : ''}${peer.esmtp && submitter ? 'A' : ''}`;
