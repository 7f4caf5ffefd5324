/**
 * The routes of the HTTP API, and who may use them: each takes the token of a `SendingCredential`.
 *
 * The token is looked at before the body is read, and again before anything is done with it: a credential may have
 * ended meanwhile.
 */
import type { Answer, Asked, Head, Route } from '#lib/http/server.ts';
import { splitToken } from '#lib/keyring/verifier.ts';
import type { MailEvent } from '../../event.ts';
import type { MessageId } from '../../message.ts';
import type { Authority, Scope, Submitter } from '../authority.ts';
import type { Submissions } from '../submit.ts';
import { MessageIntake } from './messages.ts';
import { openApiDocument } from './openapi.ts';
import { forbidden, unauthorized } from './problem.ts';
import { MOST_BYTES } from './schema.ts';
import { statusOf } from './status.ts';

export interface ApiParts {
  readonly authority: Authority;
  readonly submissions: Submissions;
  /** Every event of a message, oldest first; empty when nothing is known of it. */
  readonly trace: (id: MessageId) => Promise<readonly MailEvent[]>;
}

type Handler = (submitter: Submitter, asked: Asked) => Promise<Answer>;

export function apiRoutes({ authority, submissions, trace }: ApiParts): Route[] {
  const intake = new MessageIntake(authority, submissions);
  const submit: Handler = (submitter, asked) => intake.one(submitter, asked);
  const batch: Handler = (submitter, asked) => intake.batch(submitter, asked);
  const show: Handler = async ({ tenant }, { parameters }) => {
    const id = parameters['id'] ?? '';
    return statusOf(id, tenant, await trace(id));
  };
  return [
    { method: 'POST', path: '/v1/messages', bodyLimit: MOST_BYTES, ...allowing(authority, 'Submit', submit) },
    { method: 'POST', path: '/v1/messages/batch', bodyLimit: MOST_BYTES, ...allowing(authority, 'Submit', batch) },
    { method: 'GET', path: '/v1/messages/:id', ...allowing(authority, 'Events', show) },
    { method: 'GET', path: '/v1/openapi.json', handle: async () => openApiDocument() },
  ];
}

/** A handler for those whose credential has a scope. */
function allowing(authority: Authority, scope: Scope, handler: Handler): Required<Pick<Route, 'guard' | 'handle'>> {
  return {
    guard: async (head) => {
      const who = await identify(authority, scope, head);
      return 'status' in who ? who : undefined;
    },
    handle: async (asked) => {
      const who = await identify(authority, scope, asked);
      return 'status' in who ? who : handler(who, asked);
    },
  };
}

async function identify(authority: Authority, scope: Scope, head: Head): Promise<Submitter | Answer> {
  const [, token = ''] = /^Bearer +(\S+)$/i.exec(head.header('authorization')) ?? [];
  if (token === '') return unauthorized();
  const { username, secret } = splitToken(token);
  const bearer = await authority.bearer(username, secret, 'HTTP', scope);
  if (bearer.kind === 'submitter') return bearer.submitter;
  if (bearer.kind === 'unknown') return unauthorized();
  return forbidden(`credential ${username} is suspended, expired, or without protocol HTTP or scope ${scope}`);
}
