/**
 * DNS messages: a question to bytes, and bytes from a stranger to an answer or to the word why they are none.
 *
 * Pure. Promises: nothing throws, whatever the bytes; a message cannot claim more records than it has room for,
 * and of thousands a few hundred are read; names
 * come out in lower case without a final dot, and without anything that is not printable ASCII. The one file that
 * imports dns-packet.
 */
import { type Answer, AUTHENTIC_DATA, decode, DNSSEC_OK, encode, RECURSION_DESIRED } from 'dns-packet';
import { type Duration, seconds } from '#lib/run/clock.ts';

export type RecordType = 'A' | 'AAAA' | 'CNAME' | 'MX' | 'NS' | 'PTR' | 'TXT';

export interface Question {
  /** In lower case, without a final dot. */
  readonly name: string;
  readonly type: RecordType;
}

export interface DnsRecord extends Question {
  readonly ttl: Duration;
  /** An address, a name (`''` is the root), or the joined strings of a TXT record. */
  readonly data: string;
  /** Of an MX record; else 0. */
  readonly preference: number;
}

export interface Response {
  /** `NOERROR`, `NXDOMAIN`, `SERVFAIL`, `REFUSED`, … */
  readonly code: string;
  readonly isTruncated: boolean;
  /** AA: from the zone itself. */
  readonly isAuthoritative: boolean;
  /** RA: from a server that asks others for us. */
  readonly isRecursive: boolean;
  /** AD: the server has validated it. Worth as much as the way to the server. */
  readonly isAuthenticated: boolean;
  readonly answers: readonly DnsRecord[];
  /** How long "there is none" holds (RFC 2308 §5); undefined when nobody said so. */
  readonly negativeTtl: Duration | undefined;
  /** Of the message. */
  readonly bytes: number;
}

/** Why bytes are no answer to a question: not a response at all, another id, another question. */
export type NoResponse = 'malformed' | 'id' | 'question';

/** As large an answer in one datagram as passes every network (DNS flag day 2020). */
const LARGEST_DATAGRAM = 1232;

/** `isRecursive`: the server is to ask others. DO and AD: signatures may come, and whether they are good is of interest. */
export function encodeQuestion(id: number, { name, type }: Question, isRecursive: boolean): Buffer {
  return encode({
    type: 'query',
    id,
    flags: (isRecursive ? RECURSION_DESIRED : 0) | AUTHENTIC_DATA,
    questions: [{ type, name, class: 'IN' }],
    additionals: [
      {
        type: 'OPT',
        name: '.',
        udpPayloadSize: LARGEST_DATAGRAM,
        extendedRcode: 0,
        ednsVersion: 0,
        flags: DNSSEC_OK,
        flag_do: true,
        options: [],
      },
    ],
  });
}

/** Whether a name can be put into a question: labels of 1 to 63 printable characters, 253 in all. */
export const isAskable = (name: string): boolean => name.length <= 253 && /^[!-~]+$/.test(name) && LABELS.test(name);

const LABELS = /^[^.]{1,63}(?:\.[^.]{1,63})*$/;

/** What `bytes` say to the question that was sent under `id`. */
export function decodeResponse(bytes: Buffer, id: number, question: Question): Response | NoResponse {
  if (!hasRoomForItsRecords(bytes)) return 'malformed';
  if (bytes.readUInt16BE(0) !== id) return 'id';
  try {
    return read(bytes, question);
  } catch {
    return 'malformed';
  }
}

const HEADER = 12;
const SMALLEST_QUESTION = 5;
const SMALLEST_RECORD = 11;

/** Counts are believed before records are read, so a header of 12 bytes could ask for room for 260,000 of them. */
function hasRoomForItsRecords(bytes: Buffer): boolean {
  if (bytes.length < HEADER) return false;
  const records = bytes.readUInt16BE(6) + bytes.readUInt16BE(8) + bytes.readUInt16BE(10);
  return bytes.length >= HEADER + bytes.readUInt16BE(4) * SMALLEST_QUESTION + records * SMALLEST_RECORD;
}

/** Of the second word of a header: QR, OPCODE (0 is a query), RCODE. */
const RESPONSE = 0x80_00;
const OPCODE = 0x78_00;
const RCODE = 0x00_0f;
const CODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'];

function read(bytes: Buffer, question: Question): Response | NoResponse {
  const flags = bytes.readUInt16BE(2);
  if ((flags & RESPONSE) === 0 || (flags & OPCODE) !== 0) return 'malformed';
  const message = decode(withFewRecords(bytes));
  const [asked, ...more] = message.questions ?? [];
  // A server that does not understand EDNS may leave the question out of its FORMERR.
  const isAnswered = asked && more.length === 0 && nameOf(asked.name) === question.name && asked.type === question.type;
  if (!isAnswered) return 'question';
  return {
    code: codeOf(flags & RCODE, message.additionals ?? []),
    isTruncated: message.flag_tc,
    isAuthoritative: message.flag_aa,
    isRecursive: message.flag_ra,
    isAuthenticated: message.flag_ad,
    answers: (message.answers ?? []).flatMap(recordOf),
    negativeTtl: negativeTtlOf(message.authorities ?? []),
    bytes: bytes.length,
  };
}

/** More than any honest answer has. A message has room for 4,000, whose compressed names take 0.1 s of everybody's time. */
const MOST_ANSWERS = 200;
const MOST_OTHERS = 50;

/** Counts only as many as are read; what follows the first section that is cut is left out whole. */
function withFewRecords(bytes: Buffer): Buffer {
  const [answers = 0, authorities = 0, additionals = 0] = [6, 8, 10].map((at) => bytes.readUInt16BE(at));
  if (answers <= MOST_ANSWERS && authorities <= MOST_OTHERS && additionals <= MOST_OTHERS) return bytes;
  const few = Buffer.from(bytes);
  const authoritiesKept = answers > MOST_ANSWERS ? 0 : Math.min(authorities, MOST_OTHERS);
  const additionalsKept = authoritiesKept < authorities ? 0 : Math.min(additionals, MOST_OTHERS);
  few.writeUInt16BE(Math.min(answers, MOST_ANSWERS), 6);
  few.writeUInt16BE(authoritiesKept, 8);
  few.writeUInt16BE(additionalsKept, 10);
  return few;
}

/** The upper bits of the code are in the OPT record; all that need them are failures. */
function codeOf(code: number, additionals: readonly Answer[]): string {
  const isExtended = additionals.some((it) => it.type === 'OPT' && it.extendedRcode > 0);
  return (isExtended ? undefined : CODES[code]) ?? `unknown code ${code}`;
}

/** Of types that are not asked for, and of classes other than IN, nothing is kept. */
function recordOf(answer: Answer): DnsRecord[] {
  if (answer.type === 'OPT' || answer.class !== 'IN') return [];
  const record = { name: nameOf(answer.name), ttl: ttlOf(answer.ttl), preference: 0 };
  switch (answer.type) {
    case 'A':
    case 'AAAA':
      return [{ ...record, type: answer.type, data: answer.data }];
    case 'CNAME':
    case 'NS':
    case 'PTR':
      return [{ ...record, type: answer.type, data: nameOf(answer.data) }];
    case 'MX':
      return [
        {
          ...record,
          type: 'MX',
          data: nameOf(answer.data.exchange),
          preference: answer.data.preference ?? 0,
        },
      ];
    case 'TXT':
      return [{ ...record, type: 'TXT', data: textOf(answer.data) }];
    default:
      return [];
  }
}

const textOf = (data: string | Buffer | (string | Buffer)[]): string =>
  Buffer.concat((Array.isArray(data) ? data : [data]).map((it) => Buffer.from(it))).toString();

function negativeTtlOf(authorities: readonly Answer[]): Duration | undefined {
  for (const record of authorities) {
    if (record.type === 'SOA') return Math.min(ttlOf(record.ttl), ttlOf(record.data.minimum));
  }
  return undefined;
}

/** Half of the range of a TTL means 0 (RFC 2181 §8). */
const ttlOf = (ttl = 0): Duration => (ttl > 0x7f_ff_ff_ff ? 0 : seconds(ttl));

/** What cannot stand in a host name becomes `?`, which no host has: it is harmless in logs and leads nowhere. */
const nameOf = (name: string): string =>
  name === '.'
    ? ''
    : name
        .toLowerCase()
        .replace(/\.$/, '')
        .replaceAll(/[^!-~]|\\/g, '?');
