/**
 * Admission: the named checks a message passes before it is queued, in order. First refusal wins.
 *
 *     credential → sender → rate → header → domain → recipient → suppression → quota
 *
 * Each check is a function from what is known to a refusal or nothing; a refusal names the check and tells the sender
 * what to do. Whatever is not allowed here is refused: there is no way to send without a domain of one's own.
 * Recipient syntax is checked by the one strict parser before this file is asked.
 */
import type { Duration } from '#lib/run/clock.ts';
import { keyOf } from '#crds/resource.ts';
import type { SendingDomain } from '#crds/kinds/sending-domain.ts';
import { parseMailboxList } from '#lib/address/mailbox-list.ts';
import { fieldsNamed, fieldValue, type Header, type HeaderField } from '../mail/header.ts';
import { domainOf } from '../mail/message.ts';
import { type Reply, reply } from '../mail/reply.ts';
import type { Authority, DomainProof, Protocol, Submitter } from './authority.ts';

export type Check =
  | 'credential'
  | 'sender'
  | 'header'
  | 'domain'
  | 'recipient'
  | 'suppression'
  | 'quota'
  | 'rate'
  | 'loop';

export interface Refusal {
  readonly check: Check;
  readonly reply: Reply;
  /** For `rate`: after how long there is room. */
  readonly retryAfter?: Duration;
}

/** What admission decides of a message: whose domain it is sent as, and the pool it leaves from. */
export interface Admitted {
  readonly domain: string;
  readonly pool: string;
}

const refuse = (check: Check, code: number, enhanced: string, text: string): Refusal => ({
  check,
  reply: reply(code, enhanced, text),
});

/** More Received fields than any real path has (RFC 5321 §6.3; Postfix counts to 50). */
const MOST_HOPS = 50;

/** The checks at MAIL: credential, envelope sender, and its rate, of which one message is taken. `<>` is allowed: the header still says whose mail it is. */
export function admitSender(
  authority: Authority,
  submitter: Submitter,
  sender: string,
  protocol: Protocol = 'SMTP',
): Refusal | undefined {
  if (!authority.isValid(submitter, protocol)) {
    return refuse('credential', 550, '5.7.8', `credential ${submitter.username} is suspended, expired or removed`);
  }
  if (sender === '' || authority.mayReturnTo(submitter, domainOf(sender))) return checkRate(authority, submitter);
  return refuse('sender', 550, '5.7.1', `${submitter.username} may not send as ${domainOf(sender)}: ${WHOSE}`);
}

function checkRate(authority: Authority, submitter: Submitter): Refusal | undefined {
  const exceeded = authority.takeRate(submitter);
  if (!exceeded) return undefined;
  const { rate, retryAfter } = exceeded;
  const may = `credential ${submitter.username} may send ${rate.count} messages in ${rate.perSeconds} seconds`;
  const text = `${may}: try again in ${Math.ceil(retryAfter / 1000)} seconds`;
  return { ...refuse('rate', 450, '4.7.1', text), retryAfter };
}

const WHOSE = 'no SendingDomain of this credential has that domain';

/** The checks on the header: well formed, one author, a domain of theirs that may send now. `utf8`: see RFC 6532. */
export function admitHeader(
  authority: Authority,
  submitter: Submitter,
  header: Header,
  utf8 = false,
): Refusal | Admitted {
  if (fieldsNamed(header, 'received').length > MOST_HOPS) {
    return refuse('loop', 554, '5.4.6', `too many hops: more than ${MOST_HOPS} Received fields`);
  }
  const author = authorOf(header, utf8);
  if ('check' in author) return author;
  const stranger = checkSenderFields(authority, submitter, header, utf8);
  if (stranger) return stranger;
  const domain = authority.domainFor(submitter, author.domain);
  if (!domain) {
    return refuse('header', 550, '5.7.1', `${submitter.username} may not write From ${author.domain}: ${WHOSE}`);
  }
  return checkDomain(authority, domain) ?? { domain: domain.spec.domain, pool: poolOf(domain) };
}

/** Sender names who really sent it (RFC 5322 §3.6.2), Resent-From and Resent-Sender who did again: theirs too. */
function checkSenderFields(
  authority: Authority,
  submitter: Submitter,
  header: Header,
  utf8: boolean,
): Refusal | undefined {
  const senders = fieldsNamed(header, 'sender').length;
  if (senders > 1)
    return refuse('header', 550, '5.6.0', `the message must have at most one Sender field, it has ${senders}`);
  for (const label of ['Sender', 'Resent-From', 'Resent-Sender']) {
    for (const field of fieldsNamed(header, label.toLowerCase())) {
      const sender = mailboxOf(header, field, label, utf8);
      if ('check' in sender) return sender;
      if (authority.domainFor(submitter, sender.domain)) continue;
      return refuse('header', 550, '5.7.1', `${submitter.username} may not write ${label} ${sender.domain}: ${WHOSE}`);
    }
  }
  return undefined;
}

/** The one mailbox of the one field: receivers disagree about which of several counts, so several are refused. */
function authorOf(header: Header, utf8: boolean): { readonly domain: string } | Refusal {
  const [field, ...others] = fieldsNamed(header, 'from');
  if (field && others.length === 0) return mailboxOf(header, field, 'From', utf8);
  const count = field ? others.length + 1 : 0;
  return refuse('header', 550, '5.6.0', `the message must have exactly one From field, it has ${count}`);
}

function mailboxOf(
  header: Header,
  field: HeaderField,
  label: string,
  utf8: boolean,
): { readonly domain: string } | Refusal {
  const reading = parseMailboxList(fieldValue(header, field), { utf8 });
  if (reading.kind === 'problem') return refuse('header', 550, '5.6.0', `${label}: ${reading.problem}`);
  const [address, ...more] = reading.addresses;
  if (!address || more.length > 0) return refuse('header', 550, '5.6.0', `${label} must name exactly one mailbox`);
  return address;
}

/**
 * A domain sends when it is not suspended, proven (or excused from proof), and has a key to sign with. Where the operator says how domains
 * stand, only what was seen in DNS has one: so what to publish is said first, once it is known.
 */
function checkDomain(authority: Authority, domain: SendingDomain): Refusal | undefined {
  const { spec } = domain;
  if (spec.suspend) return refuse('domain', 550, '5.7.1', `SendingDomain ${spec.domain} is suspended`);
  const proof: DomainProof = spec.verification === 'Required' ? authority.proof(domain) : { kind: 'proven' };
  const refusal = checkProof(spec.domain, proof);
  const isTold = proof.kind !== 'unproven' || proof.publish !== undefined;
  if ((isTold && refusal) || authority.hasKey(domain)) return refusal;
  return refuse('domain', 451, '4.7.5', `SendingDomain ${spec.domain} has no DKIM key yet: try again soon`);
}

/** Lines of their own, so that names and values of any length fit a reply. */
function checkProof(domain: string, proof: DomainProof): Refusal | undefined {
  if (proof.kind === 'proven') return undefined;
  if (proof.kind === 'taken')
    return refuse('domain', 550, '5.7.1', `SendingDomain ${domain} is verified by an older claim to the domain`);
  const publish = proof.publish === undefined ? [] : [`publish ${proof.publish}`];
  const lines = [`SendingDomain ${domain} is not verified in DNS:`, ...publish, `see: postfleet domain ${domain}`];
  return refuse('domain', 550, '5.7.1', lines.join('\n'));
}

const poolOf = ({ metadata, spec: { poolRef } }: SendingDomain): string =>
  keyOf({ namespace: poolRef.namespace ?? metadata.namespace, name: poolRef.name });
