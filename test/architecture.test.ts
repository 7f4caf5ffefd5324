/**
 * The structure of the product, as tables: who may import whom, which file owns which library, who reads the clock.
 *
 * Reads imports as text. A rule that must bend is bent here, where everybody sees it.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Folders that hold the product, and the file that knows them all. */
const PRODUCT = ['crds', 'helm', 'lib', 'mta', 'operator'];
const COMMAND_LINE = 'postfleet.ts';

/** Files that only tests use. */
const isForTests = (file: string): boolean =>
  /\.(test|contract)\.ts$/.test(file) ||
  /(fake-clock|fake-name-server|fake-cluster|fake-peer|test-peer|stage-partner|cuts|sample)\.ts$/.test(file);

const walk = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((it) =>
    it.isDirectory() ? walk(join(folder, it.name)) : it.name.endsWith('.ts') ? [join(folder, it.name)] : [],
  );

const files = [COMMAND_LINE, ...PRODUCT.flatMap(walk).filter((it) => !isForTests(it))];
const text = new Map(files.map((file) => [file, readFileSync(join(ROOT, file), 'utf8')]));

/** What a file imports: product files by their path, everything else by its name. Types count as much as values. */
function importsOf(file: string): string[] {
  const source = text.get(file) ?? '';
  const found = source.matchAll(/(?:^import\s[^;]*?from\s+|^import\s+|^export\s[^;]*?from\s+|\bimport\()'([^']+)'/gms);
  return [...found].map(([, name = '']) => {
    if (name.startsWith('#')) return name.slice(1);
    return name.startsWith('.') ? relative('.', join(dirname(file), name)) : name;
  });
}

const isProduct = (name: string): boolean => PRODUCT.some((it) => name.startsWith(`${it}/`));

/** First match names the layer. Lower layers never import higher ones; `may` lists what each may use beside itself. */
const LAYERS: readonly { readonly layer: string; readonly files: RegExp; readonly may: readonly string[] }[] = [
  { layer: 'command line', files: /^postfleet\.ts$/, may: ['root', 'operator root', 'watch', 'lib'] },
  { layer: 'accept', files: /^mta\/accept\//, may: ['noun', 'queue port', 'ledger port', 'crds', 'lib'] },
  { layer: 'schedule', files: /^mta\/schedule\//, may: ['noun', 'queue port', 'crds', 'lib'] },
  { layer: 'send', files: /^mta\/send\//, may: ['noun', 'queue port', 'lib'] },
  {
    layer: 'ledger on NATS',
    files: /^mta\/settle\/ledger\/jetstream\//,
    may: ['settle', 'queue adapter', 'noun', 'lib'],
  },
  { layer: 'settle', files: /^mta\/settle\//, may: ['noun', 'queue port', 'lib'] },
  { layer: 'operate', files: /^mta\/operate\//, may: ['noun', 'queue port', 'ledger port', 'lib'] },
  { layer: 'egress', files: /^mta\/egress\//, may: ['lib'] },
  { layer: 'watch', files: /^mta\/watch\//, may: ['noun', 'queue port', 'ledger port', 'crds', 'lib'] },
  { layer: 'queue port', files: /^mta\/queue\/(queue|codec)\.ts$/, may: ['noun', 'lib'] },
  { layer: 'queue adapter', files: /^mta\/queue\//, may: ['queue port', 'noun', 'lib'] },
  { layer: 'noun', files: /^mta\/mail\//, may: ['lib'] },
  {
    layer: 'root',
    files: /^mta\/(roles|declared|work|insight)\//,
    may: [
      'accept',
      'schedule',
      'send',
      'settle',
      'ledger on NATS',
      'operate',
      'egress',
      'watch',
      'queue port',
      'queue adapter',
      'noun',
      'crds',
      'lib',
    ],
  },
  {
    layer: 'operator root',
    files: /^operator\/(command|events|flags|operator|settings|told|triggers)\.ts$/,
    may: ['reconciler', 'world', 'controller', 'workload', 'crds', 'lib'],
  },
  { layer: 'world', files: /^operator\/[^/]+\.ts$/, may: ['reconciler', 'workload', 'crds', 'lib'] },
  {
    layer: 'reconciler',
    files: /^operator\/(cluster|credential|declared|domain|keyring)\//,
    may: ['world', 'controller', 'workload', 'crds', 'lib'],
  },
  { layer: 'controller', files: /^operator\/controller\//, may: ['lib'] },
  { layer: 'workload', files: /^operator\/workload\//, may: ['crds', 'lib'] },
  // What is installed is made of what the product says of itself: kinds, rights, metrics.
  { layer: 'helm', files: /^helm\//, may: ['world', 'crds', 'lib'] },
  // What is provisioned is what the resources declare, and the operator will fill the same keyring from the same kinds.
  { layer: 'keyring', files: /^lib\/keyring\//, may: ['crds', 'lib'] },
  { layer: 'crds', files: /^crds\//, may: ['lib'] },
  { layer: 'lib', files: /^lib\//, may: [] },
];

const LEDGER_PORT = new Set([
  'mta/settle/ledger/memory.ts',
  'mta/settle/ledger/ledger.ts',
  'mta/settle/ledger/orders.ts',
  'mta/settle/ledger/returned.ts',
  'mta/settle/ledger/suppressions.ts',
  'mta/settle/ledger/usage.ts',
]);

const layersOf = (file: string): string[] => {
  const first = LAYERS.find((it) => it.files.test(file))?.layer ?? 'nowhere';
  if (first === 'keyring') return ['keyring', 'lib'];
  return LEDGER_PORT.has(file) ? ['settle', 'ledger port'] : [first];
};

describe('imports go one way', () => {
  test.each(files)('%s', (file) => {
    const rule = LAYERS.find((it) => it.files.test(file));
    const allowed = new Set([rule?.layer, ...(rule?.may ?? [])]);
    const wrong = importsOf(file)
      .filter(isProduct)
      .filter((it) => !layersOf(it).some((layer) => allowed.has(layer)));
    expect(wrong).toEqual([]);
  });
});

/** The one file that imports each library. A built-in that touches the world counts as one. */
const OWNERS: Readonly<Record<string, string>> = {
  '@kubernetes/client-node': 'lib/kube/kubeconfig.ts',
  '@nats-io/jetstream': 'lib/nats/streams.ts',
  '@nats-io/transport-node': 'lib/nats/connection.ts',
  '@opentelemetry/api': 'lib/trace/otlp.ts',
  '@opentelemetry/exporter-trace-otlp-http': 'lib/trace/otlp.ts',
  '@opentelemetry/resources': 'lib/trace/otlp.ts',
  '@opentelemetry/sdk-trace': 'lib/trace/otlp.ts',
  'csv-parse': 'lib/csv/csv.ts',
  'csv-stringify': 'lib/csv/csv.ts',
  commander: 'postfleet.ts',
  'dns-packet': 'lib/dns/message.ts',
  fastify: 'lib/http/server.ts',
  ioredis: 'lib/redis/redis.ts',
  mailauth: 'lib/dkim/verify.ts',
  'node:sqlite': 'lib/sqlite/connection.ts',
  nodemailer: 'lib/mail/mail.ts',
  pino: 'lib/run/log.ts',
  'postal-mime': 'lib/mail/parse.ts',
  'prom-client': 'lib/run/metrics.ts',
  selfsigned: 'lib/run/certificate.ts',
  'tar-stream': 'mta/watch/dump-output.ts',
  yaml: 'crds/source/yaml.ts',
  zod: 'crds/schema.ts',
};

const packageOf = (name: string): string =>
  name.startsWith('node:')
    ? name
    : name
        .split('/')
        .slice(0, name.startsWith('@') ? 2 : 1)
        .join('/');

test('each library is imported by one file, and each one is in the table', () => {
  const used = files.flatMap((file) =>
    importsOf(file)
      .filter((it) => !isProduct(it) && (!it.startsWith('node:') || packageOf(it) in OWNERS))
      .map((it) => `${packageOf(it)} in ${file}`),
  );
  const owned = Object.entries(OWNERS).map(([library, file]) => `${library} in ${file}`);
  expect([...new Set(used)].toSorted((a, b) => a.localeCompare(b))).toEqual(
    owned.toSorted((a, b) => a.localeCompare(b)),
  );
});

/** Whatever tells the time or waits for it, called or handed on. */
const TIME =
  /\bDate\.now\b|\bnew Date\b(?!\()|\bnew Date\(\s*\)|(?<!new )\bDate\(|\bperformance\.|\bset(Timeout|Interval)\b|node:(timers|perf_hooks)|\bprocess\.(hrtime|uptime)\b|\bAbortSignal\.timeout\b/;
const CHANCE = /\bMath\.random\b|\brandom(Bytes|UUID|Int|Fill|FillSync)\b|\bgetRandomValues\b/;

/** A word in a comment or a text of prose is no reading. */
const codeOf = (file: string): string => (text.get(file) ?? '').replaceAll(/^\s*(?:\/\*[^]*?\*\/|\/\/.*$)/gm, '');

test('only lib/run/clock.ts reads the time and sets timers', () => {
  expect(files.filter((file) => TIME.test(codeOf(file)))).toEqual(['lib/run/clock.ts']);
});

test('only lib/run/random.ts draws chance', () => {
  expect(files.filter((file) => CHANCE.test(codeOf(file)))).toEqual(['lib/run/random.ts']);
});

test('the simulation reads no time and draws no chance but its own', () => {
  const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
  const simulation = walk('test/simulation').filter((it) => TIME.test(read(it)) || CHANCE.test(read(it)));
  expect(simulation).toEqual([]);
});

test.each([
  'const now = Date.now();',
  'const now = new Date();',
  'const text = Date();',
  'const clock = Date.now;',
  'performance.now()',
  "import { setTimeout as sleep } from 'node:timers/promises';",
  'setInterval(act, 1000)',
  'process.hrtime.bigint()',
  'AbortSignal.timeout(5)',
])('%s reads the time, and is found', (line) => {
  expect(TIME.test(line)).toBe(true);
});

test.each(['new Date(event.at).toISOString()', 'Date.UTC(2026, 0, 1)', 'Date.parse(text)', 'isRealDate(it)'])(
  '%s reads no time',
  (line) => {
    expect(TIME.test(line)).toBe(false);
  },
);

test('nothing but the command line and shutdown touches the process', () => {
  const touches = /\bprocess\.(env|exit|argv|on|kill)\b/;
  const may = new Set([COMMAND_LINE, 'lib/run/shutdown.ts']);
  expect(files.filter((file) => !may.has(file) && touches.test(text.get(file) ?? ''))).toEqual([]);
});

test('every file opens with what it promises', () => {
  expect(files.filter((file) => !text.get(file)?.startsWith('/**\n'))).toEqual([]);
});

test('no file is longer than 300 lines', () => {
  expect(files.filter((file) => (text.get(file)?.split('\n').length ?? 0) > 300)).toEqual([]);
});

test('there are no default exports and no barrels', () => {
  expect(files.filter((file) => /^export default|^export \* from/m.test(text.get(file) ?? ''))).toEqual([]);
});

test('every file and folder that ARCHITECTURE.md names is there', () => {
  const page = readFileSync(join(ROOT, 'docs/ARCHITECTURE.md'), 'utf8');
  const linked = [...page.matchAll(/\]\(\.\.\/([^)]+)\)/g)].map(([, path = '']) => path);
  const tabled = [...page.matchAll(/`((?:crds|helm|lib|mta|operator|test)\/[^`]*)`/g)].map(([, path = '']) => path);
  expect(linked.length + tabled.length).toBeGreaterThan(40);
  expect([...linked, ...tabled].filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});
