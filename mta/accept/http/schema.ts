/**
 * What may be asked of the HTTP API, declared once: types, validation and the OpenAPI document come from here.
 *
 * Every text that can reach a header refuses line ends, control characters, encoded-words and their like: what a
 * header says is what the sender wrote, and a composer's mistakes have nothing to work with. Fields that read files or
 * URLs do not exist. Addresses are read by `draft.ts`, which asks the one strict parser.
 */
import { LARGEST_MESSAGE, MOST_RECIPIENTS } from '#crds/ingress-limits.ts';
import { closed, type Infer, integer, list, mapOf, oneOf, text, textWithout } from '#crds/schema.ts';
import { moment } from '#crds/time.ts';

/** Messages of a batch. What a message and a request may have besides is the cluster's to say, within these bounds. */
export const MOST_MESSAGES = 100;

/** Line ends and controls, also written as an encoded-word (RFC 2047) or a URL would. */
const HIDDEN = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]|=\?[^?]*\?[bq]\?|%0[ad]/iu;
const SAYS_LINE = 'must be one line of plain text without control characters, encoded-words, %0d or %0a';

/** Shorter than the longest line (998 octets, RFC 5322 §2.1.1) with any name in front. */
const LONGEST_LINE = 900;

const line = (max: number, min = 1) => textWithout({ max, min, never: HIDDEN, says: SAYS_LINE });

const content = (what: string) =>
  textWithout({ max: LARGEST_MESSAGE, min: 0, never: /[\0\p{Cs}]/u, says: 'must be text without NUL' })
    .exactOptional()
    .describe(what);

const mailbox = () =>
  closed({
    address: line(320).describe('Mail address, such as ann@example.com.'),
    name: line(256).exactOptional().describe('Display name, as people read it.'),
  });

const mailboxes = (what: string, max = MOST_RECIPIENTS) => list(mailbox(), max).default([]).describe(what);

const attachment = () =>
  closed({
    filename: line(255).describe('Name of the file.'),
    contentType: text({
      max: 127,
      pattern: /^[A-Za-z0-9][\w.+-]*\/[A-Za-z0-9][\w.+-]*(; ?charset=[\w-]+)?$/,
      says: 'must be a media type such as application/pdf or text/csv; charset=utf-8',
    })
      .default('application/octet-stream')
      .describe('Its media type; not multipart/ or message/.'),
    content: text({ max: 2 * LARGEST_MESSAGE, min: 0 }).describe('Its bytes, in base64.'),
    contentId: text({
      max: 128,
      pattern: /^[\w.+-]+(@[\w.-]+)?$/,
      says: 'must be letters, digits, dots, hyphens, with at most one @',
    })
      .exactOptional()
      .describe('For a picture within the HTML: it is shown where the HTML says cid: and this.'),
  });

const headerName = () =>
  text({ max: 64, pattern: /^[A-Za-z][A-Za-z0-9-]*$/, says: 'must have a name of letters, digits and hyphens' });

const label = () => text({ max: 64, pattern: /^[\w.:-]+$/, says: 'must be letters, digits, dots, colons, hyphens' });

/** What a sender tells us beside the message itself; by SMTP in `X-Postfleet-…` fields (`../instructions.ts`). */
const instructions = {
  tags: list(label(), 10).default([]).describe('Words to find the message by; told in its events, never sent.'),
  metadata: mapOf(label(), line(256, 0), 20)
    .default({})
    .describe("The sender's own facts; told in its events, never sent."),
  priority: oneOf('transactional', 'bulk')
    .default('transactional')
    .describe('bulk waits for the other mail of the tenant: at most every fifth turn while there is any.'),
  sendAt: moment()
    .exactOptional()
    .describe('Nothing is sent before this moment, at most 72 hours from now; one that has passed means at once.'),
  expireAfter: integer(60, 2_592_000)
    .exactOptional()
    .describe('Seconds after which it is given up, counted from sendAt; at most what the MTACluster allows.'),
};

export const instructionsSchema = closed(instructions);

export const messageSchema = closed({
  from: mailbox().describe('The author; also the envelope sender. Its domain is a SendingDomain of the credential.'),
  to: mailboxes('Recipients, shown to all.'),
  cc: mailboxes('More recipients, shown to all.'),
  bcc: mailboxes('Recipients that nobody is shown.'),
  replyTo: mailboxes('Where answers go; to the author when absent.', 10),
  subject: line(LONGEST_LINE, 0).default('').describe('The subject.'),
  text: content('The message as plain text.'),
  html: content('The message as HTML.'),
  headers: mapOf(headerName(), line(LONGEST_LINE), 50)
    .default({})
    .describe('More header fields. Not those that this request or Postfleet itself writes.'),
  attachments: list(attachment(), 100).default([]).describe('Files.'),
  ...instructions,
}).describe('A message to compose and send.');
export type MessageRequest = Infer<typeof messageSchema>;
