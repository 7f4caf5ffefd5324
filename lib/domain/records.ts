/**
 * What a sending domain must publish in DNS, and what was found there: the nouns of domain verification. Pure.
 *
 * Left to others: comparing (a file for each purpose), asking (`check.ts`), what follows from it (`latch.ts`).
 */
import { type KeyType, parseRecord, recordName } from '#lib/dkim/record.ts';

/** What is declared of a domain, as far as DNS must say it too. Names are lower-case A-labels. */
export interface DomainNeeds {
  readonly domain: string;
  readonly keys: readonly PublishedKey[];
  readonly returnPathHost: string;
  /** The host that takes bounces. */
  readonly bounceHost: string;
  readonly pool: PoolAddresses;
  /** Whether the domain's own SPF record is looked at beside that of the return path. */
  readonly apexSpf: boolean;
  readonly dmarc: { readonly minimumPolicy: DmarcPolicy; readonly reportTo: readonly string[] };
}

export interface PublishedKey {
  readonly selector: string;
  /** Text of its record. */
  readonly record: string;
}

/** Where mail leaves from: the host of the pool's SPF record, or else the addresses. */
export interface PoolAddresses {
  readonly spfName?: string;
  readonly addresses: readonly string[];
}

/** From weak to strong. */
export const DMARC_POLICIES = ['none', 'quarantine', 'reject'] as const;
export type DmarcPolicy = (typeof DMARC_POLICIES)[number];

type Purpose = 'DKIM' | 'SPF' | 'ReturnPath' | 'DMARC';

/** `Unknown`: DNS could not be asked. */
export type RecordState = 'Present' | 'Missing' | 'Differs' | 'Unknown';

/** One record: what should be there, what is, and the difference in words. */
export interface RecordReport {
  readonly purpose: Purpose;
  readonly type: 'TXT' | 'MX';
  readonly name: string;
  readonly expected: readonly string[];
  /** Bounded: a zone may say anything. */
  readonly found: readonly string[];
  /** What to change; with `Present` what is worth knowing. `''` when there is nothing to say. */
  readonly difference: string;
  readonly state: RecordState;
}

/** What a comparison answers. */
export type Finding = Pick<RecordReport, 'difference' | 'state'>;

export const keyName = (key: PublishedKey, domain: string): string => recordName(key.selector, domain);

/** The public key in a record's text, or undefined when it holds none. */
export function keyIn(text: string): { readonly keyType: KeyType; readonly base64: string } | undefined {
  const parsed = parseRecord(text);
  if (parsed.kind === 'invalid') return undefined;
  return { keyType: parsed.record.keyType, base64: parsed.record.publicKey.toString('base64') };
}

const MOST_FOUND = 10;
const LONGEST_FOUND = 1000;

/** What a zone says, cut to what people can read. */
export const bounded = (found: readonly string[]): readonly string[] =>
  found
    .slice(0, MOST_FOUND)
    .map((it) => (it.length > LONGEST_FOUND ? `${it.slice(0, LONGEST_FOUND)}… (${it.length} characters)` : it));
