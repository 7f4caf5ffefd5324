/**
 * Reads a complaint (ARF, RFC 5965, or less): what kind it is, whom and which return path it is about. Pure; never throws.
 */
import { type Block, readBlocks } from './fields.ts';
import { readAddress } from './words.ts';

export interface Feedback {
  readonly feedbackType: string;
  /** Who complained, where the report does not hide it (RFC 6590). */
  readonly recipients: readonly string[];
  readonly returnPaths: readonly string[];
}

export function readFeedback(content: Buffer): Feedback {
  const text = content.toString('utf8');
  const block: Block = new Map(readBlocks(text).flatMap((it) => Array.from(it)));
  return {
    feedbackType: /^[a-z][a-z\d-]{0,40}/.exec((block.get('feedback-type') ?? '').toLowerCase())?.[0] ?? 'other',
    recipients: addressesIn([block.get('original-rcpt-to'), block.get('removal-recipient')]),
    returnPaths: addressesIn([block.get('original-mail-from')]),
  };
}

/**
 * Reads a complaint that is no more than a copy of the message, as Microsoft's feedback loop sent them before ARF, and still
 * does to some; undefined when it is none.
 */
export function readComplaintCopy(subject: string, original: Block): Feedback | undefined {
  if (original.size === 0 || !/^complaint about message from /i.test(subject)) return undefined;
  const recipients = addressesIn([original.get('x-hmxmroriginalrecipient')]);
  return { feedbackType: 'abuse', recipients, returnPaths: [] };
}

const addressesIn = (values: readonly (string | undefined)[]): string[] => [
  ...new Set(values.flatMap((it) => readAddress(it ?? '') ?? [])),
];
