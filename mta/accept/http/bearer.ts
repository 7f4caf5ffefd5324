/**
 * Who may use a route: those who bring the token of a `SendingCredential` with its scope.
 *
 * The token is proven before the body is read, and the credential looked at again before anything is done with it: it
 * may have ended meanwhile.
 */
import type { Answer, Asked, Head, Route } from '#lib/http/server.ts';
import { splitToken } from '#lib/keyring/verifier.ts';
import type { Authority, Scope, Submitter } from '../authority.ts';
import { forbidden, unauthorized, unheard } from './problem.ts';

export type Handler = (submitter: Submitter, asked: Asked) => Promise<Answer>;

/** A handler for those whose credential has a scope. */
export function allowing(
  authority: Authority,
  scope: Scope,
  handler: Handler,
): Required<Pick<Route, 'guard' | 'handle'>> {
  /** Whose requests are under way: a token is proven once. */
  const proven = new WeakMap<Head, Submitter>();
  return {
    guard: async (head) => {
      const who = await identify(authority, scope, head);
      if ('status' in who) return who;
      proven.set(head, who);
      return undefined;
    },
    handle: async (asked) => {
      const known = proven.get(asked);
      if (known && authority.isValid(known, 'HTTP', scope)) return handler(known, asked);
      const who = await identify(authority, scope, asked);
      return 'status' in who ? who : handler(who, asked);
    },
  };
}

async function identify(authority: Authority, scope: Scope, head: Head): Promise<Submitter | Answer> {
  const { username, secret } = credentialsOf(head);
  if (secret === '') return unauthorized();
  const bearer = await authority.bearer(username, secret, head.peer.address, 'HTTP', scope);
  if (bearer.kind === 'unheard') return unheard(bearer.why);
  if (bearer.kind === 'submitter') return bearer.submitter;
  if (bearer.kind === 'unknown') return unauthorized();
  return forbidden(`credential ${username} is suspended, expired, or without protocol HTTP or scope ${scope}`);
}

function credentialsOf(head: Head): ReturnType<typeof splitToken> {
  const [, token = ''] = /^Bearer +(\S+)$/i.exec(head.header('authorization')) ?? [];
  return splitToken(token);
}

/** Whose token it is, once it was looked at: a username begins with its tenant. */
export function bearerOf(head: Head): Submitter {
  const { username } = credentialsOf(head);
  return { tenant: username.split('.')[0] ?? '', username };
}
