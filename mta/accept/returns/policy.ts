/**
 * Submission by SMTP, and mail that comes back beside it, on the same listeners.
 *
 * Who has an identity sends as before. Who has none may say MAIL only while some domain has a return path of its own,
 * and then RCPT to nobody but a valid one.
 */
import { reply } from '../../reply.ts';
import type { SmtpPolicy } from '../smtp/submission.ts';
import { FRONT_OF_RETURN, type Returns } from './returns.ts';

const stranger = reply(550, '5.7.1', 'Authentication required to send mail to others');

export function withReturns<I>(submission: SmtpPolicy<I>, returns: Returns): SmtpPolicy<I> {
  return {
    ...submission,
    strangers: () => returns.isOpen,
    frontBytes: (_identity, recipients) => (returns.takes(recipients) ? FRONT_OF_RETURN : undefined),
    rcpt: (identity, sender, recipient, others) => {
      const verdict = returns.judge(recipient, others);
      if (verdict.kind === 'refused') return verdict.reply;
      if (verdict.kind === 'taken') return undefined;
      return identity === undefined ? stranger : submission.rcpt(identity, sender, recipient, others);
    },
    accept: (identity, peer, envelope, raw) =>
      returns.takes(envelope.recipients)
        ? returns.accept(peer, envelope, raw)
        : submission.accept(identity, peer, envelope, raw),
  };
}
