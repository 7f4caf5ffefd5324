/**
 * `postfleet explain RECIPIENT`: what would happen to mail for it now, and why what waits for it waits.
 */
import type { Explanation, LimitState, SourceState, WaitingRecipient, Way } from '../mail/explanation.ts';
import { type AdminFlags, askAdmin, mustBeWhole } from './admin-client.ts';
import { firingLine } from './queue.ts';
import { spanText } from './span.ts';

export interface ExplainFlags extends AdminFlags {
  readonly tenant?: string;
  readonly domain?: string;
  readonly json?: boolean;
}

/** Prints to `print`; rejects with a fault when it is no address or nobody answers. */
export async function explainCommand(
  recipient: string,
  flags: ExplainFlags,
  print: (text: string) => void,
): Promise<void> {
  const { tenant, domain, json } = flags;
  const query = new URLSearchParams({
    recipient,
    ...(tenant !== undefined && { tenant }),
    ...(domain !== undefined && { domain }),
  });
  const explanation = (await askAdmin(flags, `/v1/explain?${query.toString()}`)) as Explanation;
  print(json === true ? JSON.stringify(explanation, null, 2) : formatExplanation(explanation));
  mustBeWhole(explanation);
}

export const formatExplanation = ({ recipient, ways }: Explanation): string =>
  ways.length === 0
    ? `${recipient}: no SendingDomain of such a tenant, or with such a name`
    : ways.map((way) => wayLines(recipient, way).join('\n')).join('\n\n');

function wayLines(recipient: string, way: Way): string[] {
  const { tenant, pool, suppressed, outlook, hosts, unroutable, waiting } = way;
  const answer = suppressed ?? unroutable ?? outlook.why;
  const verdict =
    answer === undefined
      ? `would go now, from ${outlook.from ?? 'any address'}`
      : `${suppressed === undefined ? 'waits for' : 'is refused'}: ${answer}${againIn(outlook.wait)}`;
  return [
    `mail of ${tenant} by ${pool} to ${recipient} ${verdict}`,
    `  site      ${outlook.site}${way.provider === undefined ? '' : `, provider ${way.provider}`}, tls ${way.tls}`,
    `  policies  ${way.policies.length === 0 ? "the cluster's defaults" : way.policies.join(', then ')}`,
    ...labelled('hosts', hosts.length > 0 ? hosts : [unroutable ?? 'none']),
    ...(outlook.trouble === undefined ? [] : [`  trouble   ${outlook.trouble}`]),
    ...labelled('sources', outlook.sources.map(sourceLine)),
    ...labelled('limits', outlook.limits.map(limitLine)),
    ...labelled('rules', way.restraints.map(firingLine)),
    ...labelled('waiting', waiting.length === 0 ? ['nothing for this recipient'] : waiting.map(waitingLine)),
  ];
}

const labelled = (label: string, lines: readonly string[]): string[] =>
  lines.map((it, at) => `  ${(at === 0 ? label : '').padEnd(9)} ${it}`);

const againIn = (wait: number | undefined): string => (wait === undefined ? '' : ` (asked again in ${spanText(wait)})`);

function sourceLine({ name, address, why, warmUp }: SourceState): string {
  const where = address === '' ? name : `${name} [${address}]`;
  const left = warmUp === undefined ? '' : `, warm-up: ${warmUp.left} of ${warmUp.limit} left today`;
  return `${where}: ${why ?? 'can send'}${left}`;
}

function limitLine(limit: LimitState): string {
  if (limit.kind === 'connections') return `connections to ${limit.name}: ${limit.used} of ${limit.most}`;
  const room = limit.room > 0 ? `room for ${limit.room} now` : `used up, again in ${spanText(limit.wait)}`;
  return `${limit.name}: ${limit.count} in ${limit.perSeconds} s, ${room}`;
}

function waitingLine({ message, state, due, attempts, reply }: WaitingRecipient): string {
  const when = {
    waiting: `next try ${new Date(due).toISOString()}`,
    leased: 'is being sent',
    suspended: 'held until resumed',
  };
  return `${message} ${when[state]}, ${attempts} attempts${reply === undefined ? '' : `, last: ${reply}`}`;
}
