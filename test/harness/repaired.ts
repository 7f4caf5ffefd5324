/**
 * What most documents made by chance have wrong, put right in place: fields that rules allow only together.
 */
type Fields = Record<string, unknown>;

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export function repaired(value: unknown): void {
  if (Array.isArray(value)) for (const entry of value) repaired(entry);
  if (!isFields(value)) return;
  for (const mend of MENDS) mend(value);
  for (const inner of Object.values(value)) repaired(inner);
}

/** `field` is there exactly when `when` has this value. */
const together =
  (when: string, is: string, field: string, otherwise: unknown) =>
  (fields: Fields): void => {
    if (!(when in fields) && !(field in fields)) return;
    if (fields[when] === is) fields[field] ??= structuredClone(otherwise);
    else delete fields[field];
  };

const MENDS: readonly ((fields: Fields) => void)[] = [
  together('from', 'Selector', 'selector', {}),
  together('egress', 'Proxy', 'proxy', { url: 'socks5://proxy:1080' }),
  together('plan', 'Custom', 'dailyLimits', [50]),
  (fields) => {
    if (fields['protocol'] === 'HTTP') delete fields['tls'];
    if (isFields(fields['match'])) fields['match'] = oneOf(fields['match']);
    if ('class' in fields) mendRule(fields);
    if ('firstSeconds' in fields || 'maxSeconds' in fields)
      Object.assign(fields, { firstSeconds: 10, maxSeconds: 100_000 });
    if ('receivingBytes' in fields || 'messageBytes' in fields)
      Object.assign(fields, { receivingBytes: 2 ** 30, messageBytes: 2 ** 20 });
    if (isFields(fields['workers'])) fields['workers']['replicas'] = Math.min(Number(fields['shards'] ?? 64), 3);
    if (Array.isArray(fields['algorithms']))
      fields['algorithms'] = fields['algorithms'].filter((it) => it !== 'RSA4096');
    if (Array.isArray(fields['algorithms']) && fields['algorithms'].length === 0) delete fields['algorithms'];
    if (Array.isArray(fields['members']))
      fields['members'].forEach((it: Fields, at) => (it['address'] = `192.0.2.${at}`));
    if (Array.isArray(fields['listeners'])) fields['listeners'].forEach((it: Fields, at) => (it['port'] = 25 + at));
    if (Array.isArray(fields['feedbackAddresses']) && typeof fields['domain'] === 'string')
      fields['feedbackAddresses'] = fields['feedbackAddresses'].map(() => `fbl@${String(fields['domain'])}`);
  },
];

/** One field of those given. */
function oneOf(match: Fields): Fields {
  const [first] = Object.entries(match);
  return first ? { [first[0]]: first[1] } : { all: {} };
}

const LASTING = new Set(['Slow', 'Suspend', 'OtherSource', 'Retry']);

/** A rule over replies says which, and what it has goes with its action. */
function mendRule(rule: Fields): void {
  const action = String(rule['action']);
  if (!('pattern' in rule) && !('codes' in rule)) rule['codes'] = ['5.7'];
  if (!LASTING.has(action)) delete rule['durationSeconds'];
  if (action !== 'Slow' && action !== 'Suspend') delete rule['scope'];
  else rule['durationSeconds'] ??= 60;
  if (action === 'Slow') rule['limits'] ??= {};
  else delete rule['limits'];
}
