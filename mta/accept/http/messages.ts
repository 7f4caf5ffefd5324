/**
 * The routes of messages: hand one in, or several; ask what became of one; cancel one.
 */
import type { Head, Route } from '#lib/http/server.ts';
import { type Authority, sharersOf } from '../authority.ts';
import type { ReceivingMemory } from '../memory.ts';
import type { Submissions } from '../submit.ts';
import { allowing, bearerOf, type Handler } from './bearer.ts';
import { cancel, type CancelParts } from './cancel.ts';
import { MessageIntake, type MessageLimits } from './intake.ts';
import { statusOf } from './status.ts';

export interface MessageParts extends CancelParts {
  readonly authority: Authority;
  readonly submissions: Submissions;
  readonly limits: MessageLimits;
  /** Where bodies are held. */
  readonly memory: ReceivingMemory;
}

export function messageRoutes(parts: MessageParts): Route[] {
  const { authority, submissions, limits, memory, trace } = parts;
  const intake = new MessageIntake(authority, submissions, limits);
  const carrier = {
    bodyLimit: (): number => limits().messageBytes,
    room: (head: Head) => memory.hold(() => sharersOf(bearerOf(head))),
  };
  const submit: Handler = (submitter, asked) => intake.one(submitter, asked);
  const batch: Handler = (submitter, asked) => intake.batch(submitter, asked);
  const show: Handler = async ({ tenant }, { parameters }) => {
    const id = parameters['id'] ?? '';
    return statusOf(id, tenant, await trace(id));
  };
  const end: Handler = (submitter, { parameters }) => cancel(parts, submitter, parameters['id'] ?? '');
  return [
    { method: 'POST', path: '/v1/messages', ...carrier, ...allowing(authority, 'Submit', submit) },
    { method: 'POST', path: '/v1/messages/batch', ...carrier, ...allowing(authority, 'Submit', batch) },
    { method: 'GET', path: '/v1/messages/:id', ...allowing(authority, 'Events', show) },
    { method: 'DELETE', path: '/v1/messages/:id', ...allowing(authority, 'Submit', end) },
  ];
}
