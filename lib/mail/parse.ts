/**
 * Takes a message apart into its header, its text and its parts. The only file that imports postal-mime.
 *
 * Promises: what is looked at is bounded before anything is made of it (bytes, parts, depth, header), and the time with it;
 * messages within the message stay whole; nothing is thrown. What passes a bound is opaque.
 */
import PostalMime from 'postal-mime';

export interface Field {
  /** In lower case. */
  readonly name: string;
  /** Unfolded; encoded words are left as they are. */
  readonly value: string;
}

export interface MimePart {
  /** `message/delivery-status`, in lower case, without parameters. */
  readonly type: string;
  readonly content: Buffer;
}

export interface Mime {
  readonly fields: readonly Field[];
  readonly subject: string;
  /** What a person would read first; HTML as text. */
  readonly text: string;
  /** Everything else, in order. */
  readonly parts: readonly MimePart[];
}

/** What a report needs of a message stands in front. */
const LARGEST = 128 * 1024;
/** The parser takes about 10 µs for a line, so that lines count more than bytes. */
const MOST_LINES = 2000;
const DEEPEST = 20;
const MOST_PARTS = 200;
const LARGEST_HEADERS = 32 * 1024;

/** Undefined when the message passes a bound or cannot be taken apart. What lies behind the front is not looked at. */
export async function parseMime(raw: Buffer): Promise<Mime | undefined> {
  const front = frontOf(raw);
  if (!front) return undefined;
  try {
    const mail = await PostalMime.parse(Uint8Array.from(front), {
      forceRfc822Attachments: true,
      maxNestingDepth: DEEPEST,
      maxHeadersSize: LARGEST_HEADERS,
      attachmentEncoding: 'arraybuffer',
    });
    return {
      fields: mail.headers.map(({ key, originalKey, value }) => ({ name: key || originalKey.toLowerCase(), value })),
      subject: mail.subject ?? '',
      text: mail.text ?? '',
      parts: mail.attachments.map(({ mimeType, content }) => ({ type: mimeType, content: bytesOf(content) })),
    };
  } catch {
    // Whatever it found fault with, there is nothing to be read.
    return undefined;
  }
}

const bytesOf = (content: ArrayBuffer | Uint8Array | string): Buffer =>
  typeof content === 'string' ? Buffer.from(content) : Buffer.from(content as ArrayBuffer);

const DASH = 45;
const LF = 10;

/** The lines to look at; undefined when too many of them may separate parts. One pass, before anything is parsed. */
function frontOf(raw: Buffer): Buffer | undefined {
  let boundaries = 0;
  let at = 0;
  for (let line = 0; line < MOST_LINES && at < Math.min(raw.length, LARGEST); line += 1) {
    if (raw[at] === DASH && raw[at + 1] === DASH) boundaries += 1;
    const end = raw.indexOf(LF, at);
    at = end < 0 ? raw.length : end + 1;
  }
  return boundaries > 2 * MOST_PARTS ? undefined : raw.subarray(0, Math.min(at, LARGEST));
}
