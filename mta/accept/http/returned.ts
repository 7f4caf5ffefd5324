/**
 * The route of what came back for a message: each piece of mail, how it was read, what it caused, and its front.
 *
 * A message of somebody else is as unknown as one that never was.
 */
import { json, type Route } from '#lib/http/server.ts';
import type { MailEvent } from '../../mail/event.ts';
import type { MessageId } from '../../mail/message.ts';
import { returnedItems } from '../../mail/returned-mail.ts';
import type { Authority } from '../authority.ts';
import { allowing, type Handler } from './bearer.ts';
import { unknownMessage } from './problem.ts';

export interface ReturnedParts {
  readonly authority: Authority;
  readonly trace: (id: MessageId) => Promise<readonly MailEvent[]>;
  /** What came back for a message, oldest first. */
  readonly copies: (id: MessageId) => Promise<readonly Buffer[]>;
}

export function returnedRoutes({ authority, trace, copies }: ReturnedParts): Route[] {
  const show: Handler = async ({ tenant }, { parameters }) => {
    const id = parameters['id'] ?? '';
    const events = await trace(id);
    if (events[0]?.tenant !== tenant) return unknownMessage();
    return json({ id, returned: returnedItems(events, await copies(id)) });
  };
  return [{ method: 'GET', path: '/v1/messages/:id/returned', ...allowing(authority, 'Events', show) }];
}
