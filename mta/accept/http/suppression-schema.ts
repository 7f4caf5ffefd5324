/**
 * What requests and answers say of suppressions, as JSON and as CSV.
 *
 * The shape is declared once, for JSON; a row of CSV is read as the JSON with the same fields. Read here too: subjects in
 * their one form, and moments, which must not have passed.
 */
import { closed, type Infer, oneOf, text } from '#crds/schema.ts';
import { moment } from '#crds/time.ts';
import type { Instant } from '#lib/run/clock.ts';
import { readSubject, REASONS, type Suppression } from '../../mail/suppression.ts';
import { errorsOf, type FieldError } from '#crds/field-error.ts';

const LONGEST_SUBJECT = 320;

export const suppressionSchema = closed({
  address: text({ max: LONGEST_SUBJECT }).exactOptional().describe('The address; or domain instead.'),
  domain: text({ max: LONGEST_SUBJECT }).exactOptional().describe('The domain, for all of its addresses.'),
  reason: oneOf(...REASONS)
    .default('manual')
    .describe('Why.'),
  expiresAt: moment().exactOptional().describe('From then on it does not count; absent: it always does.'),
});
type SuppressionRequest = Infer<typeof suppressionSchema>;

export type SuppressionReading =
  | { readonly kind: 'suppression'; readonly suppression: Suppression }
  | { readonly kind: 'invalid'; readonly errors: readonly FieldError[] };

/** One entry from somebody else's hand. `source`: by which way it came. */
export function readSuppression(value: unknown, source: string, now: Instant): SuppressionReading {
  const parsed = suppressionSchema.safeParse(value, { reportInput: true });
  if (!parsed.success) return invalid(...parsed.error.issues.flatMap((it) => errorsOf(it, suppressionSchema)));
  const { address, domain, reason, expiresAt } = parsed.data;
  if ((address === undefined) === (domain === undefined))
    return invalid({ pointer: '', detail: 'must have either address or domain' });
  const subject = subjectOf(parsed.data);
  if (typeof subject !== 'string') return invalid(subject);
  const until = expiresAt === undefined ? undefined : new Date(expiresAt).getTime();
  if (until !== undefined && until <= now) return invalid({ pointer: '/expiresAt', detail: 'has passed' });
  const suppression = { subject, reason, source, createdAt: now, ...(until !== undefined && { expiresAt: until }) };
  return { kind: 'suppression', suppression };
}

const invalid = (...errors: readonly FieldError[]): SuppressionReading => ({ kind: 'invalid', errors });

function subjectOf({ address, domain = '' }: SuppressionRequest): string | FieldError {
  const field = address === undefined ? 'domain' : 'address';
  const reading = readSubject(address ?? domain);
  if (reading.kind === 'problem') return { pointer: `/${field}`, detail: reading.problem };
  const isAddress = reading.subject.includes('@');
  if (isAddress === (field === 'address')) return reading.subject;
  return { pointer: `/${field}`, detail: isAddress ? 'is an address, not a domain' : "has no '@': name it as domain" };
}

/** Columns of CSV, in the order they are written in. */
export const COLUMNS = ['address', 'domain', 'reason', 'source', 'createdAt', 'expiresAt'] as const;

/** As JSON has it; the fields are those of `COLUMNS`. */
export function shown({
  subject,
  reason,
  source,
  createdAt,
  expiresAt,
}: Suppression): Readonly<Record<string, string>> {
  return {
    [subject.includes('@') ? 'address' : 'domain']: subject,
    reason,
    source,
    createdAt: new Date(createdAt).toISOString(),
    ...(expiresAt !== undefined && { expiresAt: new Date(expiresAt).toISOString() }),
  };
}
