/**
 * AUTH PLAIN (RFC 4616) and LOGIN as pure exchanges: lines in, then a challenge, credentials, or a refusal out.
 *
 * Strict: canonical base64, valid UTF-8, no control character in a name, exactly the fields the mechanism has. Acting
 * for somebody else (an authorization identity of its own) is refused like a wrong password. When AUTH is allowed,
 * and what counts as a failure, is the dialogue's; whether the credentials are right, the policy's.
 */
import type { Reply } from '#mta/mail/reply.ts';
import { replies } from './replies.ts';

/** What the next line of the peer answers. */
export type Exchange =
  | { readonly asks: 'plain' }
  | { readonly asks: 'username' }
  | { readonly asks: 'password'; readonly username: string };

export type AuthStep =
  | { readonly kind: 'challenge'; readonly challenge: string; readonly exchange: Exchange }
  | { readonly kind: 'credentials'; readonly username: string; readonly password: string }
  | { readonly kind: 'refused'; readonly reply: Reply };

/** `initial` is base64 as sent; `=` stands for an empty one (RFC 4954 §4). `mechanism` is in upper case. */
export function startAuth(mechanism: string, initial: string | undefined): AuthStep {
  const first = startOf(mechanism);
  if (!first) return refused(replies.unknownMechanism);
  if (initial === undefined) return first;
  return answer(first.exchange, initial === '=' ? '' : initial);
}

/** `line` is what the peer sent after a challenge. */
export function continueAuth(exchange: Exchange, line: string): AuthStep {
  return line === '*' ? refused(replies.cancelled) : answer(exchange, line);
}

const refused = (reply: Reply): AuthStep => ({ kind: 'refused', reply });

const challenge = (text: string, exchange: Exchange) =>
  ({ kind: 'challenge', challenge: Buffer.from(text).toString('base64'), exchange }) as const;

function startOf(mechanism: string): ReturnType<typeof challenge> | undefined {
  if (mechanism === 'PLAIN') return challenge('', { asks: 'plain' });
  if (mechanism === 'LOGIN') return challenge('Username:', { asks: 'username' });
  return undefined;
}

function answer(exchange: Exchange, line: string): AuthStep {
  const text = decode(line);
  if (text === undefined) return refused(replies.badBase64);
  switch (exchange.asks) {
    case 'plain':
      return plain(text);
    case 'username':
      return isName(text)
        ? challenge('Password:', { asks: 'password', username: text })
        : refused(replies.badCredentials);
    default:
      return credentials(exchange.username, text);
  }
}

/** authorization identity NUL name NUL password */
function plain(text: string): AuthStep {
  const [actingFor = '', username = '', password, ...more] = text.split('\0', 4);
  if (password === undefined || more.length > 0) return refused(replies.badCredentials);
  if (actingFor !== '' && actingFor !== username) return refused(replies.wrongCredentials);
  return credentials(username, password);
}

function credentials(username: string, password: string): AuthStep {
  if (!isName(username) || password === '' || password.includes('\0')) return refused(replies.badCredentials);
  return { kind: 'credentials', username, password };
}

const isName = (text: string): boolean => text !== '' && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text);

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Canonical base64 of valid UTF-8 only: what Node drops in silence is refused here. */
function decode(line: string): string | undefined {
  const bytes = Buffer.from(line, 'base64');
  if (bytes.toString('base64') !== line) return undefined;
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}
