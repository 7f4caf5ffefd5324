/**
 * Text and resources without secrets, for eyes that must not see any. Pure.
 *
 * Two walls: whatever is known to be a secret is removed wherever it stands; and whatever looks like one is, known or not. Too much is removed
 * rather than too little: who reads it can ask.
 */
const REMOVED = '[removed]';

/** Shorter ones would take half of every text with them. */
const LEAST_SECRET = 6;

/** What of a file that holds a secret would be one by itself: all of it, each line, and what follows the user of a login. */
export function secretsIn(file: string): string[] {
  const lines = file.split(/\r?\n/).map((it) => it.trim());
  const passwords = lines.flatMap((it) => (/^[^\s:{"]+:(\S+)$/.exec(it) ?? []).slice(1));
  const values = Array.from(file.matchAll(/"([^"\\]{6,})"/g), ([, value = '']) => value).filter(isOpaque);
  return [...new Set([file.trim(), ...lines, ...passwords, ...values])].filter((it) => it.length >= LEAST_SECRET);
}

/** Not a word, a name or a number: nobody would have written it. */
const isOpaque = (value: string): boolean => value.length >= 20 && !/\s/.test(value) && /\d/.test(value);

const PATTERNS: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/-----BEGIN [^-]*PRIVATE KEY-----[^]*?(?:-----END [^-]*PRIVATE KEY-----|$)/g, REMOVED],
  [/\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g, REMOVED],
  [/\b(bearer|basic|auth plain|auth login)(\s+)[\w+/=.~-]{4,}/gi, `$1$2${REMOVED}`],
  [/([a-z][\w+.-]*:\/\/)[^\s/@"']+@/gi, `$1${REMOVED}@`],
  [/([?&][\w.-]*(?:key|token|secret|password|signature|sig|auth)[\w.-]*=)[^\s&"']+/gi, `$1${REMOVED}`],
  [
    /(["']?\b[\w.-]*(?:password|passwd|secret|token|api[_-]?key|private[_-]?key)["']?\s*[:=]\s*)(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^\s,;}\]]+)/gi,
    `$1"${REMOVED}"`,
  ],
];

/** `known`: texts that are secrets. */
export function scrubText(text: string, known: readonly string[]): string {
  const longestFirst = known.toSorted((a, b) => b.length - a.length);
  const without = longestFirst.reduce((left, it) => left.replaceAll(it, REMOVED), text);
  return PATTERNS.reduce((left, [pattern, instead]) => left.replace(pattern, instead), without);
}

/** Of metadata it is kept what says which resource it is, and what people ordered by annotations of ours. */
const METADATA = new Set([
  'name',
  'namespace',
  'uid',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'labels',
]);

/** A resource as it may be shown: names of Secrets stay, as does where something is, but for what lets somebody in there. */
export function scrubResource(resource: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { metadata, ...others } = resource;
  const all = Object.entries((metadata ?? {}) as Readonly<Record<string, unknown>>);
  const { annotations = {} } = Object.fromEntries(all) as { readonly annotations?: Readonly<Record<string, string>> };
  const ours = Object.entries(annotations).filter(([name]) => name.startsWith('postfleet.io/'));
  const kept = Object.fromEntries(all.filter(([name]) => METADATA.has(name)));
  return { ...(scrubbed(others) as object), metadata: { ...kept, annotations: Object.fromEntries(ours) } };
}

const SECRET_NAMES = /^(password|passwd|token|secret|privateKey|apiKey|data|stringData)$/i;

function scrubbed(value: unknown): unknown {
  if (typeof value === 'string') return scrubUrl(value);
  if (Array.isArray(value)) return value.map(scrubbed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, it]) => [name, SECRET_NAMES.test(name) ? REMOVED : scrubbed(it)]),
  );
}

/** Whoever knows the path of a hook may call it. */
function scrubUrl(text: string): string {
  const url = /^[a-z][\w+.-]*:\/\//i.test(text) ? URL.parse(text) : undefined;
  if (!url) return text;
  const isWhole = url.username === '' && url.password === '' && url.search === '' && url.pathname.length <= 1;
  return isWhole ? text : `${url.protocol}//${url.host}/${REMOVED}`;
}
