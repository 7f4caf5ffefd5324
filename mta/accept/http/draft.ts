/**
 * A request's JSON → a draft that may be composed, or everything that is wrong with it, each with its JSON pointer.
 *
 * Shape and bounds are the schema's; here is what needs more than one field or a parser: addresses, base64, header
 * names, how many recipients. A problem names words and bounds and never repeats a value.
 */
import { parseAddress } from '#lib/address/address.ts';
import type { Attachment, Mail, Mailbox } from '#lib/mail/mail.ts';
import { type Instructions, instructionsOf } from '../instructions.ts';
import { errorsOf, type FieldError, pointerOf } from '#crds/field-error.ts';
import { messageSchema, type MessageRequest } from './schema.ts';

export interface Draft {
  readonly sender: string;
  /** Of to, cc and bcc, in canonical form. */
  readonly recipients: readonly string[];
  readonly mail: Mail;
  readonly instructions: Instructions;
}

export type DraftReading =
  | { readonly kind: 'draft'; readonly draft: Draft }
  | { readonly kind: 'invalid'; readonly errors: readonly FieldError[] };

/** More errors than anybody reads at once. */
const MOST_ERRORS = 100;

/** `most` recipients may be named. */
export function readDraft(value: unknown, most: number): DraftReading {
  const parsed = messageSchema.safeParse(value, { reportInput: true });
  if (!parsed.success) return invalid(parsed.error.issues.flatMap((it) => errorsOf(it, messageSchema)));
  const errors: FieldError[] = [];
  const draft = draftOf(parsed.data, most, errors);
  return errors.length > 0 ? invalid(errors) : { kind: 'draft', draft };
}

const invalid = (errors: readonly FieldError[]): DraftReading => ({
  kind: 'invalid',
  errors: errors.slice(0, MOST_ERRORS),
});

function draftOf(request: MessageRequest, most: number, errors: FieldError[]): Draft {
  const [from = request.from] = mailboxesOf([request.from], ['from'], errors, true);
  const lists = (['to', 'cc', 'bcc', 'replyTo'] as const).map((name) => mailboxesOf(request[name], [name], errors));
  const [to = [], cc = [], bcc = [], replyTo = []] = lists;
  const recipients = [...new Set([...to, ...cc, ...bcc].map((it) => it.address))];
  errors.push(
    ...recipientErrors(request.to.length + request.cc.length + request.bcc.length, most),
    ...headerErrors(request),
    ...contentErrors(request),
  );
  const attachments = request.attachments.flatMap((it, at) => attachmentOf(it, at, errors));
  const { subject, text, html } = request;
  const headers = Object.entries(request.headers);
  return {
    sender: from.address,
    recipients,
    mail: { from, to, cc, replyTo, subject, text, html, headers, attachments },
    instructions: instructionsOf(request),
  };
}

function mailboxesOf(
  boxes: readonly Mailbox[],
  path: readonly string[],
  errors: FieldError[],
  isSingle = false,
): Mailbox[] {
  return boxes.flatMap(({ address, name }, at) => {
    const reading = parseAddress(address);
    if (reading.kind === 'address') return [{ address: reading.address.text, name }];
    errors.push({ pointer: pointerOf(...path, ...(isSingle ? [] : [at]), 'address'), detail: reading.problem });
    return [];
  });
}

function recipientErrors(count: number, most: number): FieldError[] {
  if (count > most) return [{ pointer: '', detail: `to, cc and bcc may name ${most} together` }];
  return count === 0 ? [{ pointer: '/to', detail: 'must name a recipient, unless cc or bcc does' }] : [];
}

const contentErrors = ({ text, html, attachments }: MessageRequest): FieldError[] => [
  ...(text === undefined && html === undefined
    ? [{ pointer: '/text', detail: 'is missing: send text, html or both' }]
    : []),
  ...attachments.flatMap(({ contentId }, at) =>
    contentId !== undefined && html === undefined
      ? [{ pointer: pointerOf('attachments', at, 'contentId'), detail: 'needs html to be shown in' }]
      : [],
  ),
];

/** Written by this request's own fields, by Postfleet, or by hosts on the way: another one would mislead somebody. */
const RESERVED =
  /^(from|sender|to|cc|bcc|reply-to|subject|date|message-id|received(-.*)?|return-path|delivered-to|mime-version|content-.*|resent-.*|dkim-signature|domainkey-signature|arc-.*|authentication-results|x-google-dkim-signature|x-postfleet-.*)$/i;

function headerErrors({ headers }: MessageRequest): FieldError[] {
  const seen = new Set<string>();
  return Object.keys(headers).flatMap((name) => {
    const isAgain = seen.has(name.toLowerCase());
    seen.add(name.toLowerCase());
    if (RESERVED.test(name)) return [{ pointer: pointerOf('headers', name), detail: 'may not be set here' }];
    return isAgain ? [{ pointer: pointerOf('headers', name), detail: 'is there twice, in another case' }] : [];
  });
}

function attachmentOf(
  { filename, contentType, content, contentId }: MessageRequest['attachments'][number],
  at: number,
  errors: FieldError[],
): Attachment[] {
  if (/^(multipart|message)\//i.test(contentType)) {
    errors.push({ pointer: pointerOf('attachments', at, 'contentType'), detail: 'may not be multipart/ or message/' });
  }
  const bytes = Buffer.from(content, 'base64');
  const isExact = content.length % 4 === 0 && bytes.toString('base64') === content;
  if (isExact) return [{ filename, contentType, content: bytes, contentId }];
  errors.push({ pointer: pointerOf('attachments', at, 'content'), detail: 'must be base64 (RFC 4648 §4), padded' });
  return [];
}
