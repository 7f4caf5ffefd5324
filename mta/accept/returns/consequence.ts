/**
 * What a report comes to for the recipient it was returned for. Pure.
 *
 * The return path says whom we sent to; the report says only what it says. A failure counts when the report names that
 * recipient, or nobody but others it was forwarded to. It suppresses when it is about one recipient and the rules that judge
 * replies say that such an address is never to be written to again. A complaint suppresses for what a person meant by it.
 * Delays, deliveries, answers and doubts come to nothing: they are kept with the message.
 */
import type { Reply, ReplyClass } from '../../mail/reply.ts';
import type { Report, ReportedRecipient } from '../../mail/report.ts';
import { subjectKey, type Suppression } from '../../mail/suppression.ts';

/** What the rules say of a refusal. */
export interface Judged {
  readonly class: ReplyClass;
  readonly rule: string;
  /** The address is never to be written to again. */
  readonly suppresses: boolean;
}

/** Judges a refusal of `recipient` by a host, if it has a name, as if it had been said to RCPT. */
export type Judge = (recipient: string, said: Reply, host: string | undefined) => Judged;

export interface Consequence {
  readonly type: 'bounced-later' | 'complained';
  readonly said: Reply;
  readonly host?: string;
  readonly judged?: Judged;
  readonly suppress?: Suppression['reason'];
}

export function consequenceOf(report: Report, recipient: string, judge: Judge): Consequence | undefined {
  if (report.kind === 'arf') return complaint(report);
  return report.kind === 'dsn' ? bounce(report, recipient, judge) : undefined;
}

const COMPLAINTS: ReadonlyMap<string, Suppression['reason'] | undefined> = new Map([
  ['abuse', 'complaint'],
  ['fraud', 'complaint'],
  ['opt-out', 'unsubscribe'],
  ['opt-out-list', 'unsubscribe'],
  ['virus', undefined],
  ['other', undefined],
]);

/** `not-spam` takes a complaint back, `auth-failure` and unknown ones are none. */
function complaint({ feedbackType = 'other' }: Report): Consequence | undefined {
  if (!COMPLAINTS.has(feedbackType)) return undefined;
  const suppress = COMPLAINTS.get(feedbackType);
  const said = { code: 550, enhanced: '', text: `complaint: ${feedbackType}` };
  return { type: 'complained', said, ...(suppress && { suppress }) };
}

function bounce({ recipients }: Report, recipient: string, judge: Judge): Consequence | undefined {
  const about = failureOf(recipients, recipient);
  if (!about) return undefined;
  const { said, host } = about;
  const judged = judge(recipient, said, host);
  const isAlone = recipients.length === 1;
  return {
    type: 'bounced-later',
    said,
    judged,
    ...(host !== undefined && { host }),
    ...(isAlone && judged.suppresses && { suppress: 'invalid-address' as const }),
  };
}

/** What is said of the recipient itself; else the first failure, if nobody else is said to have it. */
function failureOf(recipients: readonly ReportedRecipient[], recipient: string): ReportedRecipient | undefined {
  const named = recipients.find((it) => subjectKey(it.address) === subjectKey(recipient));
  if (named) return named.action === 'failed' ? named : undefined;
  return recipients.every((it) => it.action === 'failed') ? recipients[0] : undefined;
}
