/**
 * The routes of messages: hand one in, or several; ask what became of one; cancel one.
 */
import type { Route } from '#lib/http/server.ts';
import type { Authority } from '../authority.ts';
import type { Submissions } from '../submit.ts';
import { allowing, type Handler } from './bearer.ts';
import { cancel, type CancelParts } from './cancel.ts';
import { MessageIntake, type MessageLimits } from './intake.ts';
import { statusOf } from './status.ts';

export interface MessageParts extends CancelParts {
  readonly authority: Authority;
  readonly submissions: Submissions;
  readonly limits: MessageLimits;
}

export function messageRoutes(parts: MessageParts): Route[] {
  const { authority, submissions, limits, trace } = parts;
  const intake = new MessageIntake(authority, submissions, limits);
  const bodyLimit = (): number => limits().messageBytes;
  const submit: Handler = (submitter, asked) => intake.one(submitter, asked);
  const batch: Handler = (submitter, asked) => intake.batch(submitter, asked);
  const show: Handler = async ({ tenant }, { parameters }) => {
    const id = parameters['id'] ?? '';
    return statusOf(id, tenant, await trace(id));
  };
  const end: Handler = (submitter, { parameters }) => cancel(parts, submitter, parameters['id'] ?? '');
  return [
    { method: 'POST', path: '/v1/messages', bodyLimit, ...allowing(authority, 'Submit', submit) },
    { method: 'POST', path: '/v1/messages/batch', bodyLimit, ...allowing(authority, 'Submit', batch) },
    { method: 'GET', path: '/v1/messages/:id', ...allowing(authority, 'Events', show) },
    { method: 'DELETE', path: '/v1/messages/:id', ...allowing(authority, 'Submit', end) },
  ];
}
