/**
 * Tells what mail that came back is: a delivery status, a complaint, an answer by a machine, or anything else.
 *
 * Parts made for programs are believed before words: a complaint's, then a delivery status; then a bounce in words, then
 * the signs of an answer. Whatever is in it, and however it is broken, there is an answer, in bounded time (A19).
 */
import { type Mime, type MimePart, parseMime } from '#lib/mail/parse.ts';
import type { Report, ReportedRecipient } from '../../mail/report.ts';
import { isAutoReply, isBounceInWords } from './auto-reply.ts';
import { readDeliveryStatus } from './delivery-status.ts';
import { readClues } from './clues.ts';
import { type Feedback, readComplaintCopy, readFeedback } from './feedback.ts';
import { type Block, readFirstBlock } from './fields.ts';
import { originalIdIn, readInWords } from './in-words.ts';
import { readAddress } from './words.ts';

/** What passes every bound says nothing. */
const OPAQUE: Report = { kind: 'other', returnPaths: [], messageIds: [], recipients: [] };

const STATUS = ['message/delivery-status', 'message/global-delivery-status'];
const RECEIPT = ['message/disposition-notification', 'message/global-disposition-notification'];
const ORIGINAL = ['message/rfc822', 'message/global', 'text/rfc822-headers', 'message/global-headers'];

export async function readReport(raw: Buffer): Promise<Report> {
  const mime = await parseMime(raw);
  return mime ? reportOf(mime) : OPAQUE;
}

function reportOf(mime: Mime): Report {
  const original = headerOf(partOf(mime, ORIGINAL));
  const about = aboutOriginal(mime, original);
  const feedback = partOf(mime, ['message/feedback-report']);
  if (feedback) return complaint(readFeedback(feedback.content), original, about);
  const copy = readComplaintCopy(mime.subject, original);
  if (copy) return complaint(copy, original, about);
  const status = partOf(mime, STATUS);
  const recipients = status ? readDeliveryStatus(status.content) : [];
  if (status) return { kind: 'dsn', ...about, recipients: recipients.length > 0 ? recipients : inWords(mime) };
  if (partOf(mime, RECEIPT)) return { kind: 'auto-reply', ...about, recipients: [] };
  if (isBounceInWords(mime)) return { kind: 'dsn', ...about, recipients: inWords(mime) };
  return { kind: isAutoReply(mime) ? 'auto-reply' : 'other', ...about, recipients: [] };
}

const partOf = ({ parts }: Mime, types: readonly string[]): MimePart | undefined =>
  parts.find(({ type }) => types.includes(type));

const headerOf = (part: MimePart | undefined): Block => (part ? readFirstBlock(part.content) : new Map());

type AboutOriginal = Pick<Report, 'originalId' | 'returnPaths' | 'messageIds'>;

/** Of several places that name the original, that which the original wrote itself comes first. */
function aboutOriginal(mime: Mime, original: Block): AboutOriginal {
  const answered = ['in-reply-to', 'references', 'x-original-message-id'].map(
    (name) => mime.fields.find((it) => it.name === name)?.value,
  );
  const ids = [original.get('message-id'), ...answered].map((it) => /<([^<>\s]{3,250})>/.exec(it ?? '')?.[1]);
  const originalId = ids[0] ?? originalIdIn(mime.text) ?? ids.find((it) => it !== undefined);
  const returnPath = readAddress(original.get('return-path') ?? '');
  const clues = readClues(mime);
  return {
    ...(originalId !== undefined && { originalId }),
    returnPaths: [...new Set([...(returnPath === undefined ? [] : [returnPath]), ...clues.returnPaths])],
    messageIds: clues.messageIds,
  };
}

function complaint({ feedbackType, recipients, returnPaths }: Feedback, original: Block, about: AboutOriginal): Report {
  const named =
    recipients.length > 0 ? recipients : [readAddress(original.get('to') ?? '')].filter((it) => it !== undefined);
  return {
    kind: 'arf',
    feedbackType,
    ...about,
    returnPaths: [...new Set([...returnPaths, ...about.returnPaths])],
    recipients: named.map((address): ReportedRecipient => ({
      address,
      action: 'delivered',
      status: '',
      said: { code: 250, enhanced: '', text: `complaint: ${feedbackType}` },
    })),
  };
}

function inWords(mime: Mime): readonly ReportedRecipient[] {
  const failed = mime.fields.filter((it) => it.name === 'x-failed-recipients').flatMap((it) => it.value.split(','));
  return readInWords(
    mime.text,
    failed.slice(0, 20).flatMap((it) => readAddress(it) ?? []),
  );
}
