/**
 * One command line → one typed command, or the reply that refuses it. Syntax only: order and authority are others'.
 *
 * Strict where two servers could read a line differently: addresses stand in angle brackets and are read by the one
 * parser, parameters are known and named once, no byte outside printable ASCII but valid UTF-8 in the addresses of
 * SMTPUTF8 (RFC 6531). Lenient where no meaning is at stake:
 * case of verbs, spaces at the end, and spaces after the colon of MAIL and RCPT, which much software sends and Postfix
 * takes. `<Postmaster>` without a domain means the postmaster of this host (RFC 5321 §4.5.1).
 */
import { isUtf8 } from 'node:buffer';
import { isPostmaster, parseAddress } from '#lib/address/address.ts';
import type { Reply } from '#mta/mail/reply.ts';
import { LONGEST_LINE } from './framing.ts';
import { type MailParameters, type RcptParameters, readMailParameters, readRcptParameters } from './parameters.ts';
import { badRecipient, badSender, replies } from './replies.ts';
import type { Subject } from './submission.ts';

export type Command =
  | { readonly verb: 'EHLO' | 'HELO'; readonly name: string }
  | ({ readonly verb: 'MAIL'; readonly sender: string } & MailParameters)
  /** `isUtf8`: written with other letters than ASCII has; whether that may be, MAIL has said. */
  | ({ readonly verb: 'RCPT'; readonly recipient: string; readonly isUtf8?: true } & RcptParameters)
  | { readonly verb: 'AUTH'; readonly mechanism: string; readonly initial: string | undefined }
  | { readonly verb: 'DATA' | 'RSET' | 'STARTTLS' | 'QUIT' | 'NOOP' | 'VRFY' | 'HELP' }
  | { readonly verb: 'BDAT'; readonly size: number; readonly isLast: boolean }
  /** A browser, led here to speak for somebody whose network is trusted. */
  | { readonly verb: 'HTTP' }
  /** A PROXY header that nobody asked for. */
  | { readonly verb: 'PROXY' }
  /** `ends` the connection: nobody can tell which bytes come next. */
  | { readonly verb: 'refused'; readonly subject: Subject; readonly reply: Reply; readonly ends?: true };

/** RFC 5321 §4.5.3.1.4 without CRLF, and what the parameters of MAIL and RCPT add to it, AUTH and ORCPT most. */
const LONGEST_COMMAND = 510;
const LONGEST_ENVELOPE_COMMAND = 1200;

/** Reads a line without its CRLF. `hostname` completes `<Postmaster>`. */
export function parseCommand(line: Buffer, hostname: string): Command {
  const text = line.toString('latin1');
  const space = text.indexOf(' ');
  const verb = (space < 0 ? text : text.slice(0, space)).toUpperCase();
  if (HTTP.test(verb)) return { verb: 'HTTP' };
  if (verb === 'PROXY') return { verb };
  const subject = subjectOf(verb);
  if (line.length > longest(subject)) return refuse(subject, replies.longLine);
  if (PRINTABLE.test(text)) return read(subject, space < 0 ? '' : text.slice(space + 1).trim(), hostname);
  if (CONTROL.test(text) || !ADDRESSED.has(subject)) return refuse(subject, replies.badCharacters);
  const letters = isUtf8(line) ? line.toString('utf8', space + 1).trim() : '';
  if (letters !== '' && subject === 'MAIL') return readMail(letters, false);
  if (letters !== '' && subject === 'RCPT') return readRcpt(letters, hostname, false);
  return refuse(subject, replies.needsUtf8);
}

const HTTP = /^(?:GET|POST|PUT|HEAD|OPTIONS|CONNECT|HOST:)$/;
const PRINTABLE = /^[ -~]*$/;
const ADDRESSED: ReadonlySet<Subject> = new Set<Subject>(['MAIL', 'RCPT', 'VRFY']);

/** A control character is a fault of its own; what else is not printable ASCII is an address that needs SMTPUTF8. */
const CONTROL = /[^ -~\u0080-\u00ff]/;

const refuse = (subject: Subject, reply: Reply): Command => ({ verb: 'refused', subject, reply });

const VERBS: ReadonlySet<string> = new Set<Subject>([
  'EHLO',
  'HELO',
  'STARTTLS',
  'AUTH',
  'MAIL',
  'RCPT',
  'DATA',
  'BDAT',
  'RSET',
  'NOOP',
  'VRFY',
  'HELP',
  'QUIT',
]);
const subjectOf = (verb: string): Subject => (VERBS.has(verb) ? (verb as Subject) : 'unknown');

function longest(subject: Subject): number {
  if (subject === 'AUTH') return LONGEST_LINE;
  return subject === 'MAIL' || subject === 'RCPT' ? LONGEST_ENVELOPE_COMMAND : LONGEST_COMMAND;
}

function read(subject: Subject, rest: string, hostname: string): Command {
  switch (subject) {
    case 'EHLO':
    case 'HELO':
      return rest === '' || rest.includes(' ') ? refuse(subject, replies.needsName) : { verb: subject, name: rest };
    case 'MAIL':
      return readMail(rest);
    case 'RCPT':
      return readRcpt(rest, hostname);
    case 'AUTH':
      return readAuth(rest);
    case 'BDAT':
      return readBdat(rest);
    case 'DATA':
    case 'RSET':
    case 'STARTTLS':
    case 'QUIT':
      return rest === '' ? { verb: subject } : refuse(subject, replies.noArgument);
    case 'NOOP':
    case 'VRFY':
    case 'HELP':
      return { verb: subject };
    default:
      return refuse('unknown', replies.unknownCommand);
  }
}

function readMail(rest: string, isAscii = true): Command {
  const path = readPath(rest, 'FROM:');
  if (!path) return refuse('MAIL', replies.mailSyntax);
  const given = readMailParameters(path.after);
  if ('refusal' in given) return refuse('MAIL', given.refusal);
  if (!isAscii && !given.smtpUtf8) return refuse('MAIL', replies.needsUtf8);
  if (path.content === '') return { verb: 'MAIL', sender: '', ...given };
  const reading = parseAddress(path.content, { utf8: !isAscii });
  return reading.kind === 'address'
    ? { verb: 'MAIL', sender: reading.address.text, ...given }
    : refuse('MAIL', badSender(reading.problem));
}

function readRcpt(rest: string, hostname: string, isAscii = true): Command {
  const path = readPath(rest, 'TO:');
  if (!path) return refuse('RCPT', replies.rcptSyntax);
  const given = readRcptParameters(path.after);
  if ('refusal' in given) return refuse('RCPT', given.refusal);
  if (isPostmaster(path.content)) return { verb: 'RCPT', recipient: `postmaster@${hostname}`, ...given };
  const reading = parseAddress(path.content, { utf8: !isAscii });
  return reading.kind === 'address'
    ? { verb: 'RCPT', recipient: reading.address.text, ...given, ...(!isAscii && { isUtf8: true }) }
    : refuse('RCPT', badRecipient(reading.problem));
}

function readAuth(rest: string): Command {
  const [mechanism = '', initial, ...more] = rest.split(' ');
  if (mechanism === '' || more.length > 0) return refuse('AUTH', replies.needsMechanism);
  return { verb: 'AUTH', mechanism: mechanism.toUpperCase(), initial };
}

/** As many digits as a number holds exactly. */
const BDAT = /^(\d{1,15})(?: +(LAST))?$/i;

function readBdat(rest: string): Command {
  const [, size, last] = BDAT.exec(rest) ?? [];
  if (size === undefined) return { verb: 'refused', subject: 'BDAT', reply: replies.bdatSyntax, ends: true };
  return { verb: 'BDAT', size: Number(size), isLast: last !== undefined };
}

/** `FROM:<content> after`. A '>' within a quoted local part does not end the path. */
function readPath(rest: string, keyword: string): { content: string; after: string } | undefined {
  if (rest.slice(0, keyword.length).toUpperCase() !== keyword) return undefined;
  const text = rest.slice(keyword.length).trimStart();
  if (!text.startsWith('<')) return undefined;
  const end = endOfPath(text);
  const after = text.slice(end + 1);
  return end < 0 || (after !== '' && !after.startsWith(' ')) ? undefined : { content: text.slice(1, end), after };
}

function endOfPath(text: string): number {
  let quoted = false;
  for (let at = 1; at < text.length; at += 1) {
    const character = text[at];
    if (character === '>' && !quoted) return at;
    if (character === '"') quoted = !quoted;
    if (character === '\\' && quoted) at += 1;
  }
  return -1;
}
