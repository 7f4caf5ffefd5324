/**
 * What the API answers when it does not do what was asked: problems as in RFC 9457, one status per meaning.
 */
import { type Answer, problem } from '#lib/http/server.ts';
import { codeOf } from '#lib/run/fault.ts';
import { replyLine } from '../../mail/reply.ts';
import type { Unheard } from '../logins.ts';
import type { Submitted } from '../submitted.ts';
import type { FieldError } from '#crds/field-error.ts';

export const unauthorized = (): Answer => ({
  ...problem(401, 'Unauthorized', 'send the token of a SendingCredential as Authorization: Bearer …'),
  headers: { 'www-authenticate': 'Bearer realm="postfleet"' },
});

/** Nobody looked at the token. */
export const unheard = (why: Unheard): Answer =>
  why.kind === 'locked'
    ? waiting(429, 'Too Many Requests', 'too many wrong tokens came from there', Math.ceil(why.retryAfter / 1000))
    : waiting(503, 'Service Unavailable', 'too many tokens are being looked at: try again', SOON);

export const forbidden = (detail: string): Answer => problem(403, 'Forbidden', detail);

export const unknownMessage = (): Answer => problem(404, 'Not Found', 'nothing is known of this message');

export const tooLarge = (detail: string): Answer => problem(413, 'Content Too Large', detail);

export const unsupported = (...types: readonly string[]): Answer => ({
  ...problem(415, 'Unsupported Media Type', `send ${types.join(' or ')}, without Content-Encoding`),
  headers: { accept: types.join(', ') },
});

export const unreadable = (detail: string): Answer => problem(400, 'Bad Request', detail);

/** Each error with the JSON pointer of the value it is about; '' is the whole request. */
export const invalid = (errors: readonly FieldError[]): Answer =>
  problem(422, 'Unprocessable Content', 'the request is not as it must be: see errors', { errors });

/** Seconds after which trying again makes sense, where only the passing of time helps. */
const SOON = 30;

/** What admission and the queue said, as HTTP says it. */
export function refusalOf({ check, reply, retryAfter, suppressed }: Submitted & { readonly kind: 'refused' }): Answer {
  const detail = replyLine(reply);
  if (check === 'suppression') return problem(422, 'Unprocessable Content', detail, { suppressed });
  if (check === 'quota' && reply.code >= 500) return problem(422, 'Unprocessable Content', detail);
  if (check === 'quota' || check === 'rate')
    return waiting(429, 'Too Many Requests', detail, Math.ceil((retryAfter ?? 0) / 1000));
  if (check === 'storage' && reply.code === 452) return outOfSpace(detail);
  if (reply.code < 500) return waiting(503, 'Service Unavailable', detail, SOON);
  if (check === 'repeat') return problem(409, 'Conflict', 'this Idempotency-Key was used for another request');
  if (reply.code === 552) return tooLarge(detail);
  const isContent = check === 'loop' || reply.enhanced.startsWith('5.6.');
  return isContent ? invalid([{ pointer: '', detail }]) : forbidden(detail);
}

const outOfSpace = (detail: string): Answer => waiting(507, 'Insufficient Storage', detail, SOON);

/** What the storage said, as HTTP says it; what is no fault of the storage is thrown on. */
export function unstored(thrown: unknown): Answer {
  const code = codeOf(thrown);
  if (code === 'storage-full') return outOfSpace('no room: try again later');
  if (!code.startsWith('storage-')) throw thrown;
  return waiting(503, 'Service Unavailable', 'the storage cannot be written or read: try again later', SOON);
}

const waiting = (status: number, title: string, detail: string, wait: number): Answer => ({
  ...problem(status, title, detail),
  headers: { 'retry-after': String(Math.max(1, wait)) },
});
