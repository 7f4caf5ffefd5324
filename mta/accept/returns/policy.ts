/**
 * Submission by SMTP, and mail that comes back beside it, on the same listeners.
 *
 * Who has an identity sends as before. Who has none may say MAIL only while mail may come back to some address, and then
 * RCPT to nobody but such.
 */
import { reply } from '../../mail/reply.ts';
import type { SmtpPolicy } from '../smtp/submission.ts';
import { FRONT_OF_RETURN, type Giver, type Returns } from './returns.ts';

const stranger = reply(550, '5.7.1', 'Authentication required to send mail to others');

/** `tenantOf`: whose an identity is. */
export function withReturns<I>(
  submission: SmtpPolicy<I>,
  returns: Returns,
  tenantOf: (identity: I) => string,
): SmtpPolicy<I> {
  const giver = (identity: I | undefined): Giver => (identity === undefined ? undefined : tenantOf(identity));
  return {
    ...submission,
    strangers: () => returns.isOpen,
    frontBytes: (identity, recipients) => (returns.takes(giver(identity), recipients) ? FRONT_OF_RETURN : undefined),
    rcpt: (identity, sender, recipient, others) => {
      const verdict = returns.judge(giver(identity), sender, recipient, others);
      if (verdict.kind === 'refused') return verdict.reply;
      if (verdict.kind === 'taken') return undefined;
      return identity === undefined ? stranger : submission.rcpt(identity, sender, recipient, others);
    },
    accept: (identity, peer, envelope, raw) =>
      returns.takes(giver(identity), envelope.recipients)
        ? returns.accept(giver(identity), peer, envelope, raw)
        : submission.accept(identity, peer, envelope, raw),
  };
}
