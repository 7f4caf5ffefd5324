/**
 * The routes of messages: hand one in, or several; ask what became of one.
 */
import type { Route } from '#lib/http/server.ts';
import type { MailEvent } from '../../event.ts';
import type { MessageId } from '../../message.ts';
import type { Authority } from '../authority.ts';
import type { Submissions } from '../submit.ts';
import { allowing, type Handler } from './bearer.ts';
import { MessageIntake } from './intake.ts';
import { MOST_BYTES } from './schema.ts';
import { statusOf } from './status.ts';

export interface MessageParts {
  readonly authority: Authority;
  readonly submissions: Submissions;
  /** Every event of a message, oldest first; empty when nothing is known of it. */
  readonly trace: (id: MessageId) => Promise<readonly MailEvent[]>;
}

export function messageRoutes({ authority, submissions, trace }: MessageParts): Route[] {
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
  ];
}
