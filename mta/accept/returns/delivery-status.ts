/**
 * Reads a delivery status (RFC 3464 §2): what became of each recipient it names. Pure; never throws.
 *
 * The first block is about the message, the others each about a recipient; some leave the first one out. An action that is
 * missing follows from the status, a status that is missing or says nothing from what was said.
 */
import { ACTIONS, type ReportedAction, type ReportedRecipient } from '../../mail/report.ts';
import { type Block, readBlocks } from './fields.ts';
import { bestStatus, readTypedAddress, replyOf } from './words.ts';

const MOST_RECIPIENTS = 100;

export function readDeliveryStatus(content: Buffer): readonly ReportedRecipient[] {
  return readBlocks(content.toString('utf8'))
    .flatMap((block) => recipientOf(block) ?? [])
    .slice(0, MOST_RECIPIENTS);
}

function recipientOf(block: Block): ReportedRecipient | undefined {
  // A recipient may have been rewritten on its way (Final-Recipient); the sender knows it as it was (Original-Recipient).
  const address =
    readTypedAddress(block.get('original-recipient')) ??
    readTypedAddress(block.get('final-recipient')) ??
    readTypedAddress(block.get('x-actual-recipient'));
  if (address === undefined) return undefined;
  const diagnostic = diagnosticOf(block);
  const action = actionIn(block.get('action'));
  const status = bestStatus(block.get('status') ?? '', diagnostic);
  const host = /^[^;]{0,40};[ \t]*([\w.-]{1,255})/.exec(block.get('remote-mta') ?? '')?.[1]?.toLowerCase();
  return {
    address,
    action: action ?? actionBy(status),
    status,
    said: replyOf(status, diagnostic),
    ...(host !== undefined && { host }),
  };
}

/** `smtp; 550 …`, without the type. */
const diagnosticOf = (block: Block): string =>
  (block.get('diagnostic-code') ?? '').replace(/^[\w-]{1,40}[ \t]*;[ \t]*/, '');

/** `failed (hard bounce)` counts as `failed`. */
const actionIn = (value: string | undefined): ReportedAction | undefined => {
  const word = /^[a-z]+/.exec((value ?? '').toLowerCase())?.[0];
  return ACTIONS.find((it) => it === word);
};

function actionBy(status: string): ReportedAction {
  if (status.startsWith('2')) return 'delivered';
  return status.startsWith('4') ? 'delayed' : 'failed';
}
