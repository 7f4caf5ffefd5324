/**
 * Verifies DKIM signatures by mailauth, in its strict mode: the second opinion on our own signer, and what a
 * receiver of ours says about mail.
 *
 * The one file that imports mailauth. Never rejects for what is in the message. Left to others: where TXT records
 * come from, and what a failed signature means.
 */
import { dkimVerify } from 'mailauth';
import type { Instant } from '#lib/run/clock.ts';

/** RFC 8601 §2.7.1. */
type DkimResult = 'pass' | 'fail' | 'policy' | 'neutral' | 'temperror' | 'permerror';

export interface DkimVerdict {
  /** `d=`. */
  readonly domain: string;
  /** `s=`. */
  readonly selector: string;
  /** `a=`: `rsa-sha256`. */
  readonly algorithm: string;
  readonly result: DkimResult;
  /** Why it did not pass; `''` when it did. */
  readonly reason: string;
}

/** The TXT records of a name, the strings of each joined; none if the name has none. Rejects when DNS fails. */
export type LookupTxt = (name: string) => Promise<readonly string[]>;

/** One verdict per DKIM-Signature field, in the order they stand; none for unsigned mail. `now` is held against `x=`. */
export async function verifyDkim(raw: Buffer, lookupTxt: LookupTxt, now: Instant): Promise<DkimVerdict[]> {
  const resolver = async (name: string): Promise<string[][]> => (await lookupTxt(name)).map((record) => [record]);
  const { results } = await dkimVerify(raw, { resolver, strict: true, curTime: new Date(now) });
  return results.filter((it) => it.status.result !== 'none').map(verdictOf);
}

type Signature = Awaited<ReturnType<typeof dkimVerify>>['results'][number];

const verdictOf = (signature: Signature): DkimVerdict => ({
  domain: signature.signingDomain ?? '',
  selector: signature.selector ?? '',
  algorithm: signature.algo ?? '',
  result: resultOf(signature.status.result),
  reason:
    signature.status.result === 'pass'
      ? ''
      : (signature.status.comment ?? signature.status.policy?.['dkim-rules'] ?? ''),
});

/** mailauth's type spans all its methods; for DKIM it says only these. */
const RESULTS = new Set<string>(['pass', 'fail', 'policy', 'neutral', 'temperror', 'permerror']);
const resultOf = (result: string): DkimResult => (RESULTS.has(result) ? (result as DkimResult) : 'permerror');
