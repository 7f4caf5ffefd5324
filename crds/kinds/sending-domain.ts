/**
 * `SendingDomain`: a domain that mail is sent as, the keys that sign it, and the pool it leaves from.
 */
import { dnsLabel, domainName, mailbox } from '../address.ts';
import { grantedRef, quota, secretRef, suspend } from '../parts.ts';
import { type Resource, document } from '../resource.ts';
import { type Infer, type Rule, immutable, integer, list, listBy, object, oneOf, ruled, set } from '../schema.ts';

const algorithm = () => oneOf('RSA2048', 'RSA4096', 'Ed25519');

// Generated selectors say `r` for either RSA, so two of them on one day would be the same name.
const oneRsaSize: Rule<readonly string[]> = {
  cel: "!('RSA2048' in self && 'RSA4096' in self)",
  message: 'must name at most one of RSA2048 and RSA4096',
  holds: (algorithms) => !(algorithms.includes('RSA2048') && algorithms.includes('RSA4096')),
};

const dkim = () =>
  object({
    algorithms: ruled(set(algorithm(), 3, 1), oneRsaSize)
      .default(['RSA2048', 'Ed25519'])
      .describe('A key is made for each; every message is signed with each.'),
    selectorPrefix: immutable(dnsLabel(20)).default('pf').describe('Selectors are this, the date and r or e.'),
    rotateAfterDays: integer(0, 3650).default(180).describe('Days until a key is replaced; 0 is never.'),
    existingKeys: listBy(
      'selector',
      object({
        selector: domainName(63).describe('Selector the public key is published under.'),
        algorithm: algorithm().describe('Algorithm of the key.'),
        secretRef: secretRef().describe('The private key in PEM.'),
      }),
      8,
    )
      .default([])
      .describe('Keys you have already; none is made for an algorithm that is here.'),
  });

// `<selector>._domainkey.<domain>` must fit a DNS name, and with `.pem` the key of a Secret.
const LONGEST_NAMES = 237;

const spec = ruled(
  object({
    domain: immutable(domainName(200)).describe('The domain in From and d=.'),
    poolRef: grantedRef('IPPool').describe('The pool it sends from.'),
    returnPathHost: domainName().exactOptional().describe('Domain of the return path; bounce.<domain> when absent.'),
    feedbackAddresses: list(mailbox(), 8)
      .default([])
      .describe(
        'Addresses that complaints are sent to, as registered with feedback loops: mail to them is taken back.',
      ),
    trackingHost: domainName().exactOptional().describe('Host of open and click links; none are made when absent.'),
    dkim: dkim().prefault({}).describe('Keys that sign.'),
    dmarc: object({
      minimumPolicy: oneOf('none', 'quarantine', 'reject')
        .default('none')
        .describe('Weakest DMARC policy that counts as ready.'),
      reportTo: list(mailbox(), 8).default([]).describe('Where aggregate reports should go.'),
    })
      .prefault({})
      .describe('What the DMARC record should say.'),
    dns: object({
      mode: oneOf('Manual', 'DNSEndpoint')
        .default('Manual')
        .describe('Whether you publish the records or external-dns does.'),
      txtFormat: oneOf('Raw', 'Quoted').default('Raw').describe('How long TXT values are handed to external-dns.'),
      apex: oneOf('Leave', 'Manage').default('Leave').describe("Whether the domain's own SPF record is managed too."),
    })
      .prefault({})
      .describe('How the records get into DNS.'),
    verification: oneOf('Required', 'Skip')
      .default('Required')
      .describe('Whether DNS must prove the domain before it sends. Skip needs the grant of the MTACluster.'),
    quota: quota().prefault({}).describe('How much the domain may send.'),
    notifications: object({ to: list(mailbox(), 8).default([]).describe('Who is told.') })
      .prefault({})
      .describe('Who is told when the domain stops being ready.'),
    suspend: suspend('Accepts nothing new while true; what is queued is still delivered.'),
  }),
  {
    cel: `self.dkim.existingKeys.all(k, size(k.selector) + size(self.domain) <= ${LONGEST_NAMES})`,
    message: `must have a domain and selectors of together at most ${LONGEST_NAMES} characters`,
    holds: ({ domain, dkim: { existingKeys } }) =>
      existingKeys.every(({ selector }) => selector.length + domain.length <= LONGEST_NAMES),
  },
  // Mail to another's address would end here: the proof of the domain is the proof of its addresses.
  {
    cel: "self.feedbackAddresses.all(a, a.endsWith('@' + self.domain) || a.endsWith('.' + self.domain))",
    message: 'must have feedbackAddresses at its domain, or below it',
    holds: ({ domain, feedbackAddresses }) =>
      feedbackAddresses.every((it) => it.endsWith(`@${domain}`) || it.endsWith(`.${domain}`)),
  },
);

export const sendingDomain = document('SendingDomain', 'object', spec);
export type SendingDomainSpec = Infer<typeof spec>;
export interface SendingDomain extends Resource<'SendingDomain', SendingDomainSpec> {
  /** What the operator has found out; absent where processes ask DNS and hold the keys themselves. */
  readonly verdict?: DomainVerdict;
}

/** How a domain stands by what somebody else has seen, as far as it decides what may be sent. */
export interface DomainVerdict {
  readonly standing: 'verified' | 'unverified' | 'claimed-by-another';
  /** Every worker has a key that is seen in DNS. */
  readonly hasKey: boolean;
}

/** Domain of the return path: a default that depends on another field, so no schema can state it. */
export const returnPathHostOf = ({ spec: { returnPathHost, domain } }: SendingDomain): string =>
  returnPathHost ?? `bounce.${domain}`;
