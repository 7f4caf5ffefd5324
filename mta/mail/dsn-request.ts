/**
 * What a sender asks about reports (RFC 3461), as it travels with a message. No I/O.
 *
 * Values that are xtext stay as they were sent: checked once on the way in, so that they stand in a command again as they
 * are, and decode to printable ASCII, so that they stand in a report.
 */

export type Notification = 'NEVER' | 'SUCCESS' | 'FAILURE' | 'DELAY';

export interface RecipientWishes {
  /** Never empty, no word twice, `NEVER` alone. Absent: the sender leaves it to us. */
  readonly notify?: readonly Notification[];
  /** The recipient as the sender first knew it: `rfc822;xtext`. */
  readonly orcpt?: string;
}

export interface MessageWishes {
  readonly ret?: 'FULL' | 'HDRS';
  /** The sender's own name for this transaction, as xtext. */
  readonly envid?: string;
}

export interface DsnRequest extends MessageWishes {
  /** One for each recipient of the message, by its index. */
  readonly recipients: readonly RecipientWishes[];
}

/** Whether the sender wants to hear that of a recipient; without a word of theirs, failures only (RFC 3461 §5.1). */
export const wants = (what: Notification, request: DsnRequest | undefined, index: number): boolean =>
  request?.recipients[index]?.notify?.includes(what) ?? what === 'FAILURE';

/**
 * What the next host is asked where reports come back to us instead of the sender: of failures only, and not the whole
 * message. Of success and delay the sender hears from us.
 */
export const askedByUs = (request: DsnRequest): DsnRequest => ({
  ...request,
  ret: 'HDRS',
  recipients: request.recipients.map(({ notify, ...wishes }) => ({
    ...wishes,
    ...(notify && { notify: [notify.includes('NEVER') ? 'NEVER' : 'FAILURE'] }),
  })),
});

/** The text that xtext stands for (RFC 3461 §4), or undefined when it is malformed or not printable ASCII. */
export function decodeXtext(xtext: string): string | undefined {
  if (!/^(?:[!-*,-<>-~]|\+[\dA-F]{2})+$/.test(xtext)) return undefined;
  const text = xtext.replaceAll(/\+(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return /^[ -~]+$/.test(text) ? text : undefined;
}

/** `rfc822;xtext` as type and text; undefined when malformed. */
export function decodeOriginalRecipient(orcpt: string): string | undefined {
  const [, type, xtext = ''] = /^([A-Za-z\d][A-Za-z\d-]*);(.+)$/.exec(orcpt) ?? [];
  const text = decodeXtext(xtext);
  return type === undefined || text === undefined ? undefined : `${type};${text}`;
}
