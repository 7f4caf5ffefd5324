/**
 * The routes of messages: hand one in, or several; ask what became of one; cancel one.
 */
import type { Answer, Head, Route } from '#lib/http/server.ts';
import { metrics } from '#lib/run/metrics.ts';
import type { Reply } from '../../mail/reply.ts';
import { type Authority, sharersOf } from '../authority.ts';
import type { ReceivingMemory } from '../memory.ts';
import type { Submissions } from '../submit.ts';
import { refused } from '../submitted.ts';
import { allowing, bearerOf, type Handler } from './bearer.ts';
import { cancel, type CancelParts } from './cancel.ts';
import { MessageIntake, type MessageLimits } from './intake.ts';
import { refusalOf } from './problem.ts';
import { statusOf } from './status.ts';

export interface MessageParts extends CancelParts {
  readonly authority: Authority;
  readonly submissions: Submissions;
  readonly limits: MessageLimits;
  /** Why new mail is put off now, if it is. */
  readonly putOff: () => Reply | undefined;
  /** Where bodies are held. */
  readonly memory: ReceivingMemory;
}

export function messageRoutes(parts: MessageParts): Route[] {
  const { authority, submissions, limits, trace } = parts;
  const intake = new MessageIntake(authority, submissions, limits);
  const submit: Handler = (submitter, asked) => intake.one(submitter, asked);
  const batch: Handler = (submitter, asked) => intake.batch(submitter, asked);
  const show: Handler = async ({ tenant }, { parameters }) => {
    const id = parameters['id'] ?? '';
    return statusOf(id, tenant, await trace(id));
  };
  const end: Handler = (submitter, { parameters }) => cancel(parts, submitter, parameters['id'] ?? '');
  return [
    { method: 'POST', path: '/v1/messages', ...carrying(parts, submit) },
    { method: 'POST', path: '/v1/messages/batch', ...carrying(parts, batch) },
    { method: 'GET', path: '/v1/messages/:id', ...allowing(authority, 'Events', show) },
    { method: 'DELETE', path: '/v1/messages/:id', ...allowing(authority, 'Submit', end) },
  ];
}

/** A handler of requests that carry mail: their bodies are counted, and refused while there is no room for what they bring. */
function carrying({ authority, limits, memory, putOff }: MessageParts, handler: Handler) {
  const allowed = allowing(authority, 'Submit', handler);
  return {
    ...allowed,
    bodyLimit: (): number => limits().messageBytes,
    room: (head: Head) => memory.hold(() => sharersOf(bearerOf(head))),
    guard: async (head: Head) => (await allowed.guard(head)) ?? waitFor(putOff()),
  };
}

function waitFor(why: Reply | undefined): Answer | undefined {
  if (!why) return undefined;
  metrics.refused.inc({ check: 'storage' });
  return refusalOf(refused('storage', why));
}
