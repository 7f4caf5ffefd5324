/**
 * The DKIM keys of one claim to a domain: those of your own kept in step, and one made for each algorithm that has none.
 *
 * A claim has keys of its own, in a folder of its namespace: what another claimant publishes proves nothing for it.
 *
 * A generated selector is `<prefix><yyyymmdd>` and `r` or `e`, by the day it is made in UTC. It is read off the file
 * ever after, so a restored backup keeps its selectors.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { SendingDomain, SendingDomainSpec } from '#crds/kinds/sending-domain.ts';
import { keyOf } from '#crds/resource.ts';
import { type KeyKind, generateKey, kindOf, loadKey, pemOf } from '#lib/dkim/key.ts';
import { selectorFor } from '#lib/dkim/selector.ts';
import type { Instant } from '#lib/run/clock.ts';
import { codeOf, reasonOf } from '#lib/run/fault.ts';
import { readSecret } from './chosen-secret.ts';
import { keyFile, parseKeyFile } from './folder.ts';
import { keepInStep, makeFolder, moveFile, readIfThere, writeWhole } from './store.ts';
import { type Provisioned, type Surroundings, keyringFolder } from './surroundings.ts';

/** Expects the folder of keys to exist. `isAlone`: nobody else claims the domain. */
export async function provisionDomain(
  domain: SendingDomain,
  isAlone: boolean,
  surroundings: Surroundings,
): Promise<Provisioned> {
  const all = join(keyringFolder(surroundings.dataFolder), 'dkim');
  const folder = join(all, domain.metadata.namespace);
  await makeFolder(folder);
  const report = { made: [] as string[], problems: [] as string[] };
  const ownerless = (await keysOf(domain.spec.domain, all)).map(({ file }) => file);
  // What was made before keys lay in folders: it may be what the published record belongs to, so nothing replaces it.
  if (ownerless.length > 0 && !isAlone)
    return {
      made: [],
      problems: [
        `SendingDomain ${keyOf(domain.metadata)}: ${ownerless.join(' and ')} must be moved into ${all}/<namespace> of whom the published key belongs to`,
      ],
    };
  for (const file of ownerless) await moveFile(join(all, file), join(folder, file));
  for (const existing of domain.spec.dkim.existingKeys)
    await keepExisting(domain.spec.domain, existing, folder, surroundings.configFolder, report);
  await makeMissing(domain.spec, surroundings.clock.now(), folder, report);
  const name = `SendingDomain ${keyOf(domain.metadata)}`;
  report.made.unshift(...ownerless.map((file) => join(folder, file)));
  return { made: report.made, problems: report.problems.map((problem) => `${name}: ${problem}`) };
}

interface Report {
  readonly made: string[];
  readonly problems: string[];
}

type ExistingKey = SendingDomainSpec['dkim']['existingKeys'][number];

async function keepExisting(
  domain: string,
  { selector, algorithm, secretRef }: ExistingKey,
  folder: string,
  configFolder: string,
  { made, problems }: Report,
): Promise<void> {
  const secret = await readSecret(configFolder, secretRef);
  const key = secret.kind === 'found' ? readKey(secret.text, selector, domain) : secret;
  if (key.kind === 'absent') return void problems.push(`existing key ${selector}: ${key.problem}`);
  if (key.is !== algorithm) return void problems.push(`existing key ${selector}: must be of algorithm ${algorithm}`);
  const path = join(folder, keyFile(selector, domain));
  if (await keepInStep(path, key.pem)) made.push(path);
}

type ReadKey =
  | { readonly kind: 'read'; readonly pem: string; readonly is: KeyKind | undefined }
  | { readonly kind: 'absent'; readonly problem: string };

function readKey(text: string, selector: string, domain: string): ReadKey {
  try {
    const { privateKey } = loadKey(text, selector, domain);
    return { kind: 'read', pem: pemOf(privateKey), is: kindOf(privateKey) };
  } catch (thrown) {
    if (codeOf(thrown) !== 'dkim-key-invalid') throw thrown;
    return { kind: 'absent', problem: reasonOf(thrown) };
  }
}

async function makeMissing(
  { domain, dkim }: SendingDomainSpec,
  now: Instant,
  folder: string,
  report: Report,
): Promise<void> {
  const covered = new Set<KeyKind>(dkim.existingKeys.map(({ algorithm }) => algorithm));
  const taken = new Set<string>();
  for (const { selector, file } of await keysOf(domain, folder)) {
    const key = readKey((await readIfThere(join(folder, file))) ?? '', selector, domain);
    // What it was cannot be told, so nothing is made in its place: it may be what the published record belongs to.
    if (key.kind === 'absent') return void report.problems.push(key.problem);
    if (key.is) covered.add(key.is);
    taken.add(selector);
  }
  for (const kind of dkim.algorithms) {
    const selector = selectorFor(dkim.selectorPrefix, now, kind);
    if (covered.has(kind)) continue;
    if (taken.has(selector)) report.problems.push(`selector ${selector} is taken by another key today: try tomorrow`);
    else report.made.push(await makeKey(kind, join(folder, keyFile(selector, domain))));
  }
}

async function keysOf(domain: string, folder: string): Promise<{ selector: string; file: string }[]> {
  const names = (await readdir(folder)).sort();
  return names.flatMap((file) => {
    const parsed = parseKeyFile(file);
    return parsed?.domain === domain ? [{ selector: parsed.selector, file }] : [];
  });
}

async function makeKey(kind: KeyKind, path: string): Promise<string> {
  await writeWhole(path, await generateKey(kind));
  return path;
}
