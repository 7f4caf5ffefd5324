/**
 * An SMTP reply and its enhanced status (RFC 5321 §4.2, RFC 3463): the value both sides of the wire speak.
 *
 * Building, formatting and classing only. Reading replies off a socket is `send/`'s business; what a reply means for
 * a recipient is decided in `settle/`.
 */

/** `code` 200–599; `enhanced` as `"5.1.1"` or `''` when the peer sent none; `text` without codes, lines joined by `\n`. */
export interface Reply {
  readonly code: number;
  readonly enhanced: string;
  readonly text: string;
}

/** What kind of failure a negative reply tells of: SendGrid's seven classes. */
export type ReplyClass =
  | 'Invalid Address'
  | 'Technical'
  | 'Content'
  | 'Reputation'
  | 'Frequency/Volume'
  | 'Mailbox Unavailable'
  | 'Unclassified';

export const reply = (code: number, enhanced: string, text: string): Reply => ({ code, enhanced, text });

export const isPositive = (it: Reply): boolean => it.code >= 200 && it.code < 300;
export const isTransient = (it: Reply): boolean => it.code >= 400 && it.code < 500;
export const isPermanent = (it: Reply): boolean => it.code >= 500;

/** One line for people and logs: `550 5.1.1 no such user`. */
export function replyLine(it: Reply): string {
  const text = it.text.replaceAll('\n', ' ');
  return it.enhanced ? `${it.code} ${it.enhanced} ${text}` : `${it.code} ${text}`;
}

/** The bytes of a server's reply, every line with code and enhanced status, ending in CRLF. */
export function formatReply(it: Reply): string {
  const status = it.enhanced ? `${it.enhanced} ` : '';
  if (!it.text.includes('\n')) return `${it.code} ${status}${it.text}\r\n`;
  const lines = it.text.split('\n');
  return lines.map((line, at) => `${it.code}${at < lines.length - 1 ? '-' : ' '}${status}${line}\r\n`).join('');
}

/** `4.7.1` at the start of a reply's text, if its class fits the code (RFC 2034 §4); '' otherwise. */
export function enhancedOf(code: number, text: string): string {
  const found = /^([245]\.\d{1,3}\.\d{1,3})(?: |$)/.exec(text)?.[1] ?? '';
  return found.startsWith(String(Math.floor(code / 100))) ? found : '';
}
