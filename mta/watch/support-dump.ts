/**
 * `postfleet support-dump`: what others need to see to help, in a folder or a tar.gz, without secrets.
 *
 * Versions, resources, what waits and for what, sites, orders, metrics, the end of a log. What cannot be had is left out and named in
 * about.json. Every text goes through `scrub.ts` before it is written, by what is known to be secret here: small files of the data folder, of
 * the keyring and of `secrets` beside the resources. Bodies and addresses of mail are in none of it, but for what a log has of them.
 */
import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { typeOfKind } from '#crds/definition.ts';
import { KINDS, type Kind } from '#crds/kinds.ts';
import { parseYaml, yamlText } from '#crds/source/yaml.ts';
import type { Kube } from '#lib/kube/kube.ts';
import type { Instant } from '#lib/run/clock.ts';
import { Fault, reasonOf } from '#lib/run/fault.ts';
import { type AdminFlags, askAdmin } from './admin-client.ts';
import { openOutput } from './dump-output.ts';
import { scrubResource, scrubText, secretsIn } from './scrub.ts';

export interface SupportDumpFlags extends AdminFlags {
  readonly out: string;
  /** Folder of resources. */
  readonly config?: string;
  /** Resources of all namespaces that may be read, by the kubeconfig in use. */
  readonly kubernetes?: boolean;
  /** Where its metrics are. */
  readonly metrics: string;
  /** Files with its log. */
  readonly log?: readonly string[];
}

export interface SupportDumpOptions {
  readonly version: string;
  readonly now: Instant;
  readonly say: (line: string) => void;
  /** Asked for where resources are in Kubernetes. */
  readonly kube: () => Promise<Pick<Kube, 'list'>>;
}

type Gather = () => Promise<string>;

const MOST_OF_A_LOG = 2_000_000;
const LARGEST_SECRET = 16_384;
/** Of the files beside secrets: where something is, who asks, certificates, mail of the built-in receiver. */
const OPEN = /^(admin-url|submission\.json|host|port|username)$|\.(crt|eml)$/;

/** Fault `bad-setting` when what it goes into is there already. */
export async function supportDump(flags: SupportDumpFlags, around: SupportDumpOptions): Promise<void> {
  const { version, now, say } = around;
  const output = await openOutput(flags.out, now);
  const known = await knownSecrets(flags);
  const missing: Record<string, string> = {};
  const written: string[] = [];
  for (const [name, gather] of Object.entries(partsOf(flags, around))) {
    try {
      await output.add(name, scrubText(await gather(), known));
      written.push(name);
    } catch (thrown) {
      missing[name] = scrubText(reasonOf(thrown), known);
    }
  }
  const { node } = process.versions;
  const about = { postfleet: version, node, platform: `${process.platform} ${process.arch}`, written, missing };
  const at = new Date(now).toISOString();
  await output.add('about.json', `${JSON.stringify({ at, ...about }, null, 2)}\n`);
  await output.end();
  for (const [name, why] of Object.entries(missing)) say(`postfleet: without ${name}: ${why}`);
}

function partsOf(flags: SupportDumpFlags, { kube }: SupportDumpOptions): Readonly<Record<string, Gather>> {
  const { config, kubernetes, metrics, log = [] } = flags;
  const asked = (path: string): Gather => {
    return async () => `${JSON.stringify(await askAdmin(flags, path), null, 2)}\n`;
  };
  return {
    'queue.json': asked('/v1/queue?limit=500'),
    'live.json': asked('/v1/live'),
    'suspensions.json': asked('/v1/suspensions'),
    'metrics.txt': () => pageAt(`${metrics}/metrics`),
    'ready.json': () => pageAt(`${metrics}/readyz`),
    ...(config !== undefined && { 'resources.yaml': () => resourcesIn(config) }),
    ...(kubernetes && { 'kubernetes.yaml': async () => resourcesOf(await kube()) }),
    ...Object.fromEntries(log.map((file, at) => [`log-${at + 1}.txt`, () => endOf(file)])),
  };
}

async function pageAt(url: string): Promise<string> {
  const answer = await fetch(url).catch((cause: unknown) => {
    throw new Fault('not-running', `nobody answers at ${url}: name the address with --metrics`, { cause });
  });
  return answer.text();
}

async function resourcesIn(config: string): Promise<string> {
  const files = (await readdir(config)).filter((it) => /\.ya?ml$/.test(it)).toSorted();
  const texts = await Promise.all(files.map((it) => readFile(join(config, it), 'utf8')));
  const all = texts.flatMap((it) => parseYaml(it).documents.map(({ value }) => value));
  return texted(all.filter(isOurs));
}

const isOurs = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && 'kind' in value && Object.hasOwn(KINDS, String(value.kind));

/** Of kinds of ours alone: a Secret is never asked for. */
async function resourcesOf(kube: Pick<Kube, 'list'>): Promise<string> {
  const all = (Object.keys(KINDS) as Kind[]).map(async (kind) => (await kube.list(typeOfKind(kind))).objects);
  return texted((await Promise.all(all)).flat());
}

const texted = (resources: readonly Readonly<Record<string, unknown>>[]): string =>
  resources.map((it) => `---\n${yamlText(scrubResource(it))}`).join('');

async function endOf(file: string): Promise<string> {
  const { size } = await stat(file);
  const chunks: Buffer[] = [];
  for await (const chunk of createReadStream(file, { start: Math.max(0, size - MOST_OF_A_LOG) }))
    chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

async function knownSecrets({ data, config, token, door }: SupportDumpFlags): Promise<string[]> {
  const folders = [data, ...(config === undefined ? [] : [join(config, 'secrets')])];
  const files = [...(await Promise.all(folders.map(smallFiles))).flat(), ...(token === undefined ? [] : [token])];
  const texts = await Promise.all(files.map((it) => readFile(it, 'utf8').catch(() => '')));
  const all = [...texts, ...(door ? [door.token] : [])];
  return [...new Set(all.filter((it) => !it.includes('\0')).flatMap(secretsIn))];
}

async function smallFiles(folder: string): Promise<string[]> {
  const all = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = all.filter((it) => it.isFile() && !OPEN.test(it.name)).map((it) => join(it.parentPath, it.name));
  const sizes = await Promise.all(files.map(async (it) => (await stat(it)).size));
  return files.filter((_, at) => (sizes[at] ?? 0) <= LARGEST_SECRET);
}
