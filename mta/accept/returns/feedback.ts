/**
 * Reads a complaint (ARF, RFC 5965): what kind it is, whom and which return path it is about. Pure; never throws.
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

const addressesIn = (values: readonly (string | undefined)[]): string[] => [
  ...new Set(values.flatMap((it) => readAddress(it ?? '') ?? [])),
];
