/**
 * What a peer offers, read from its reply to EHLO (RFC 5321 §4.1.1.1). Pure; unknown and malformed lines are passed over.
 */

export interface Capabilities {
  readonly pipelining: boolean;
  /** RFC 1870: largest message in bytes; 0 = offered without a fixed limit; undefined = not offered. */
  readonly size: number | undefined;
  readonly eightBitMime: boolean;
  readonly startTls: boolean;
  readonly smtpUtf8: boolean;
  readonly chunking: boolean;
  readonly dsn: boolean;
  readonly enhancedStatusCodes: boolean;
  readonly limits: Limits;
}

/** RFC 9422, absent = not announced. */
export interface Limits {
  /** Transactions in a session. */
  readonly mailMax?: number;
  /** Recipients in a transaction. */
  readonly rcptMax?: number;
  /** Different recipient domains in a session. */
  readonly rcptDomainMax?: number;
}

/** A peer that only knows HELO. */
export const noCapabilities: Capabilities = parseCapabilities('');

/** `text` is that of the reply: its lines without codes; the first one is a greeting. */
export function parseCapabilities(text: string): Capabilities {
  const offered = new Map<string, string>();
  for (const line of text.split('\n').slice(1)) {
    const [keyword = '', ...parameters] = line.trim().split(/\s+/);
    offered.set(keyword.toUpperCase(), parameters.join(' '));
  }
  return {
    pipelining: offered.has('PIPELINING'),
    size: sizeOf(offered.get('SIZE')),
    eightBitMime: offered.has('8BITMIME'),
    startTls: offered.has('STARTTLS'),
    smtpUtf8: offered.has('SMTPUTF8'),
    chunking: offered.has('CHUNKING'),
    dsn: offered.has('DSN'),
    enhancedStatusCodes: offered.has('ENHANCEDSTATUSCODES'),
    limits: limitsOf(offered.get('LIMITS') ?? ''),
  };
}

/** A limit we cannot read is no limit we could keep. */
function sizeOf(parameter: string | undefined): number | undefined {
  if (parameter === undefined) return undefined;
  return /^\d{1,20}$/.test(parameter) ? Number(parameter) : 0;
}

function limitsOf(parameters: string): Limits {
  const mailMax = limitOf(parameters, 'MAILMAX');
  const rcptMax = limitOf(parameters, 'RCPTMAX');
  const rcptDomainMax = limitOf(parameters, 'RCPTDOMAINMAX');
  return {
    ...(mailMax && { mailMax }),
    ...(rcptMax && { rcptMax }),
    ...(rcptDomainMax && { rcptDomainMax }),
  };
}

/** RFC 9422 §4: one to six digits, without a leading zero. */
function limitOf(parameters: string, name: string): number | undefined {
  const pair = parameters.split(' ').find((it) => it.toUpperCase().startsWith(`${name}=`)) ?? '';
  const value = pair.slice(name.length + 1);
  return /^[1-9]\d{0,5}$/.test(value) ? Number(value) : undefined;
}
