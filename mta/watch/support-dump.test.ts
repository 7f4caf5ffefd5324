import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { sample } from '#crds/sample.ts';
import { yamlText } from '#crds/source/yaml.ts';
import type { KubeObject, KubeType } from '#lib/kube/kube.ts';
import { scrubText } from './scrub.ts';
import { type SupportDumpFlags, supportDump } from './support-dump.ts';

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'postfleet-dump-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** In every text that is gathered, one for each place in which secrets are: none of them may come out. */
const PLANTED = {
  admin: 'planted-admin-token-1',
  login: 'planted-login-2',
  redis: 'planted-redis-3',
  hook: 'planted-hook-4',
  query: 'planted-query-5',
  annotation: 'planted-annotation-6',
  pem: 'cGxhbnRlZC1rZXktNw',
  unknown: 'planted-unknown-8',
  bearer: 'planted.bearer-9',
  plain: 'AHBsYW50ZWQtcGxhaW4tMTA=',
  proxy: 'planted-proxy-11',
  kept: 'planted-kept-12-of-a-keyring',
};

const PEM = `-----BEGIN PRIVATE KEY-----\n${PLANTED.pem}\n-----END PRIVATE KEY-----`;
const EVERYWHERE = `tokens: ${PLANTED.admin} ${PLANTED.login} ${PLANTED.kept}; ${PEM}`;
const LOG = [
  `{"msg":"ready","password":"${PLANTED.unknown}"}`,
  `authorization: Bearer ${PLANTED.bearer}`,
  `AUTH PLAIN ${PLANTED.plain}`,
  `redis://user:${PLANTED.redis}@cache:6379 https://hooks.example/a?token=${PLANTED.query}&b=1`,
  EVERYWHERE,
  'a line that stays',
].join('\n');

const RESOURCES = [
  sample(
    'MTACluster',
    { limits: { redis: { url: `rediss://user:${PLANTED.redis}@cache` } } },
    {
      annotations: {
        'kubectl.kubernetes.io/last-applied-configuration': PLANTED.annotation,
        'postfleet.io/paused': 'true',
      },
    },
  ),
  sample('EventSink', { webhook: { url: `https://hooks.example.com/services/${PLANTED.hook}` } }),
  sample('EventSink', { webhook: { url: `https://hooks.example.com/?key=${PLANTED.query}` } }, { name: 'other' }),
  sample('IPPool', {
    members: [{ name: 'a', address: '192.0.2.1', egress: 'Proxy', proxy: { url: `socks5://u:${PLANTED.proxy}@p` } }],
  }),
];

/** A process whose every answer is full of secrets. */
async function busyProcess(): Promise<string> {
  const server = createServer((asked, answer) => {
    const text = asked.url?.startsWith('/v1') ? JSON.stringify({ said: EVERYWHERE }) : `# ${EVERYWHERE}\nup 1\n`;
    answer.end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const listed: string[] = [];
const kube = async () => ({
  list: async ({ kind }: KubeType) => {
    listed.push(kind);
    const objects = RESOURCES.filter((it) => it.kind === kind) as unknown as KubeObject[];
    return { objects, resourceVersion: '1' };
  },
});

function plant(): Pick<SupportDumpFlags, 'data' | 'config' | 'log'> {
  const [data, config, log] = [join(folder, 'data'), join(folder, 'config'), join(folder, 'log')];
  for (const it of [data, join(data, 'keys'), join(config, 'secrets/redis')]) mkdirSync(it, { recursive: true });
  writeFileSync(join(data, 'admin-token'), `${PLANTED.admin}\n`);
  writeFileSync(join(data, 'keys/one.pem'), PEM);
  writeFileSync(join(data, 'keys/app.json'), JSON.stringify({ name: 'app', hash: PLANTED.kept }));
  writeFileSync(join(data, 'keys/host'), '192.0.2.1\n');
  writeFileSync(join(config, 'secrets/redis/auth'), `worker:${PLANTED.login}\n`);
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'x' }, stringData: { a: PLANTED.unknown } };
  const texts = [...RESOURCES, secret].map((it) => yamlText(it));
  writeFileSync(join(config, '1.yaml'), `# ${PLANTED.unknown}\n${texts.join('---\n')}`);
  writeFileSync(log, LOG);
  return { data, config, log: [log] };
}

async function dump(more: Partial<SupportDumpFlags> = {}) {
  const out = join(folder, 'dump');
  const said: string[] = [];
  const url = await busyProcess();
  const flags = { ...plant(), out, admin: url, metrics: url, kubernetes: true, ...more };
  await supportDump(flags, { version: '1.2.3', now: 0, say: (line) => void said.push(line), kube });
  const texts = new Map(readdirSync(out).map((it) => [it, readFileSync(join(out, it), 'utf8')]));
  return { texts, said, flags };
}

test('nothing that was planted anywhere comes out of it, and what helps does', async () => {
  const { texts, said } = await dump();
  const found = [...texts].flatMap(([file, text]) =>
    Object.entries(PLANTED).flatMap(([name, secret]) => (text.includes(secret) ? [`${name} in ${file}`] : [])),
  );
  expect(found).toEqual([]);
  expect(said).toEqual([]);
  expect([...texts.keys()].toSorted()).toEqual([
    'about.json',
    'kubernetes.yaml',
    'live.json',
    'log-1.txt',
    'metrics.txt',
    'queue.json',
    'ready.json',
    'resources.yaml',
    'suspensions.json',
  ]);
  expect(texts.get('log-1.txt')).toContain('a line that stays');
  expect(texts.get('metrics.txt')).toContain('up 1\n');
  for (const file of ['resources.yaml', 'kubernetes.yaml']) {
    const text = texts.get(file) ?? '';
    for (const it of ['kind: MTACluster', 'postfleet.io/paused', 'hooks.example.com', '192.0.2.1'])
      expect(text).toContain(it);
    expect(text).not.toContain('kind: Secret');
  }
  expect(listed).not.toContain('Secret');
  expect(JSON.parse(texts.get('about.json') ?? '')).toMatchObject({ postfleet: '1.2.3', missing: {} });
});

test('what cannot be had is named, and the rest is there', async () => {
  const { texts, said } = await dump({ admin: 'http://127.0.0.1:1', log: ['/nowhere/log'] });
  expect(said.join('\n')).toMatch(/without queue\.json: nobody answers[^]*without log-1\.txt/);
  expect(texts.has('queue.json')).toBe(false);
  expect(texts.get('metrics.txt')).toContain('up 1');
});

test.each(['dump.tar.gz', 'dump.tgz'])(
  'a name such as %s becomes one file with the same in it, for its owner alone',
  async (name) => {
    const { flags, texts } = await dump();
    const out = join(folder, name);
    const around = { version: '1.2.3', now: 0, say: () => undefined, kube };
    await supportDump({ ...flags, out }, around);
    expect(statSync(out).mode & 0o777).toBe(0o600);
    mkdirSync(join(folder, 'unpacked'));
    execFileSync('tar', ['-xzf', out, '-C', join(folder, 'unpacked')]);
    const unpacked = new Map(
      readdirSync(join(folder, 'unpacked/dump')).map((it) => [
        it,
        readFileSync(join(folder, 'unpacked/dump', it), 'utf8'),
      ]),
    );
    expect(unpacked).toEqual(texts);
    await expect(supportDump({ ...flags, out }, around)).rejects.toThrow('is there already: name a new file');
  },
);

test('a folder that is there is not written into', async () => {
  const { flags } = await dump();
  const again = supportDump(flags, { version: '', now: 0, say: () => undefined, kube });
  await expect(again).rejects.toThrow('is there already');
});

test.each([
  ['key=value', 'it said api_key=abc123def, then more', 'it said api_key="[removed]", then more'],
  ['a login in a URL', 'nats://a:b@host:4222 up', 'nats://[removed]@host:4222 up'],
  ['a key that was cut off', '-----BEGIN RSA PRIVATE KEY-----\nMII', '[removed]'],
  ['words about tokens', 'the token was refused', 'the token was refused'],
])('of text %s is judged by its looks', (_, text, left) => {
  expect(scrubText(text, [])).toBe(left);
});
