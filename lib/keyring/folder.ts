/**
 * The keyring read from a folder: `dkim/<namespace>/<selector>._domainkey.<domain>.pem`, `credentials/<namespace>.<name>.json`
 * and `return-path/<yyyymmdd>.key`; each part may be in bundles as well (`dkim/00.json`), as pods mount them.
 *
 * A part that is not mounted is empty. All or nothing: while any file is bad, the last good keyring stays and every problem is
 * listed. A folder that is bad at the start is a fault. Files are looked at again every ten seconds, and when asked. Which keys may
 * sign of those that are there: `signers.ts`.
 */
import { basename, join } from 'node:path';
import { type Clock, type Timer, seconds } from '#lib/run/clock.ts';
import { Fault } from '#lib/run/fault.ts';
import { type SigningKey, loadKey } from '#lib/dkim/key.ts';
import { parseCredential } from './credential.ts';
import type { CredentialRecord, Keyring } from './keyring.ts';
import { type Part, emptyPart, readPart, readPartWithFolders } from './part.ts';
import { type ReturnPathKey, readReturnPathKey } from './return-path-key.ts';
import { type KeyFile, NO_SIGNERS, type Signers, signersAfter } from './signers.ts';

export interface FolderKeyring extends Keyring {
  /** Reads what has changed, now. Resolves with all that is wrong; if anything is, the last good keyring stays. */
  reread(): Promise<readonly string[]>;
  /** What was wrong at the last reading, a sentence each, without secrets. */
  problems(): readonly string[];
  /** Of each bundle that is in use, such as `dkim/00.json`, which text of it. */
  revisions(): ReadonlyMap<string, string>;
  /** Calls `listener` after each change of what is in use, until the function returned is called. The listener must not throw. */
  onChange(listener: () => void): () => void;
  /** Stops looking. Harmless twice. */
  close(): void;
}

const SLOW_LOOK = seconds(10);

/** Rejects with the fault `keyring-invalid`, whose message has a line per problem. */
export async function openKeyring(folder: string, clock: Clock): Promise<FolderKeyring> {
  const keyring = new Folder(folder, clock);
  const problems = await keyring.reread();
  if (problems.length === 0) return keyring;
  keyring.close();
  throw new Fault('keyring-invalid', [`Correct or remove these in ${folder}:`, ...problems].join('\n  '));
}

/** Name of a key's file. */
export const keyFile = (selector: string, domain: string): string => `${selector}._domainkey.${domain}.pem`;

/** Name of the file that says of a key that it signs no more. */
export const retiredFile = (selector: string, domain: string): string => `${selector}._domainkey.${domain}.retired`;

/** Selector and domain of a key's file, or undefined if it is none. */
export function parseKeyFile(name: string): { readonly selector: string; readonly domain: string } | undefined {
  const [, selector, domain] = /^([a-z0-9][-.a-z0-9]*)\._domainkey\.([-.a-z0-9]+)\.pem$/.exec(name) ?? [];
  return selector === undefined || domain === undefined ? undefined : { selector, domain };
}

/** Name of a credential's file. */
export const credentialFile = (username: string): string => `${username}.json`;

class Folder implements FolderKeyring {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  #parts: Parts = { dkim: emptyPart, credentials: emptyPart, 'return-path': emptyPart };
  #signers: Signers = NO_SIGNERS;
  #byUsername: ReadonlyMap<string, CredentialRecord> = new Map();
  #newestFirst: readonly ReturnPathKey[] = [];
  #revisions: ReadonlyMap<string, string> = new Map();
  #problems: readonly string[] = [];
  #reading: Promise<unknown> = Promise.resolve();
  #timer: Timer | undefined;
  #closed = false;

  constructor(folder: string, clock: Clock) {
    this.#folder = folder;
    this.#clock = clock;
  }

  signingKeys(domain: string, namespace?: string): readonly SigningKey[] {
    const { byDomain, byClaim } = this.#signers;
    return (namespace === undefined ? byDomain.get(domain) : byClaim.get(`${namespace} ${domain}`)) ?? [];
  }

  credential(username: string): CredentialRecord | undefined {
    return this.#byUsername.get(username);
  }

  returnPathKeys(): readonly ReturnPathKey[] {
    return this.#newestFirst;
  }

  problems(): readonly string[] {
    return this.#problems;
  }

  revisions(): ReadonlyMap<string, string> {
    return this.#revisions;
  }

  onChange(listener: () => void): () => void {
    const heard = (): void => listener();
    this.#listeners.add(heard);
    return () => void this.#listeners.delete(heard);
  }

  /** One reading at a time; who asks during one gets the next, which sees what was written before the question. */
  reread(): Promise<readonly string[]> {
    const reading = this.#reading.then(() => this.#read());
    this.#reading = reading;
    return reading;
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  async #read(): Promise<readonly string[]> {
    const before = this.#parts;
    const parts: Parts = {
      dkim: await readPartWithFolders(join(this.#folder, 'dkim'), readKey, before.dkim),
      credentials: await readPart(join(this.#folder, 'credentials'), readCredential, before.credentials),
      'return-path': await readPart(join(this.#folder, 'return-path'), readReturnPathKey, before['return-path']),
    };
    this.#problems = Object.values(parts).flatMap(({ problems }) => problems);
    const isNews = NAMES.some((name) => !isSame(before[name], parts[name]));
    if (this.#problems.length === 0 && isNews) this.#take(parts);
    this.#timer?.cancel();
    if (!this.#closed) this.#timer = this.#clock.after(SLOW_LOOK, () => void this.reread());
    return this.#problems;
  }

  #take(parts: Parts): void {
    const { dkim, credentials, 'return-path': returnPath } = parts;
    this.#parts = parts;
    this.#signers = signersAfter(this.#signers, valuesOf(dkim));
    this.#byUsername = new Map([...valuesOf(credentials).values()].map((it) => [it.username, it]));
    this.#newestFirst = [...valuesOf(returnPath).values()].toSorted((a, b) => b.day - a.day);
    this.#revisions = new Map(
      NAMES.flatMap((name) => [...parts[name].bundles].map(([file, it]) => [`${name}/${file}`, it.revision] as const)),
    );
    if (!this.#closed) for (const listener of this.#listeners) listener();
  }
}

interface Parts {
  readonly dkim: Part<KeyFile>;
  readonly credentials: Part<CredentialRecord>;
  readonly 'return-path': Part<ReturnPathKey>;
}

const NAMES = ['dkim', 'credentials', 'return-path'] as const;

/** What has not changed is the same object. */
const isSame = (before: Part<unknown>, now: Part<unknown>): boolean =>
  isSameMap(before.bundles, now.bundles) && isSameMap(before.files, now.files);

const isSameMap = (before: ReadonlyMap<string, unknown>, now: ReadonlyMap<string, unknown>): boolean =>
  before.size === now.size && [...now].every(([name, it]) => before.get(name) === it);

const valuesOf = <T>({ files }: Part<T>): ReadonlyMap<string, T> =>
  new Map([...files].map(([name, { value }]) => [name, value]));

function readKey(path: string, text: string): KeyFile {
  const name = basename(path);
  const isRetired = name.endsWith('.retired');
  const parsed = parseKeyFile(name.replace(/\.retired$/, '.pem'));
  if (!parsed) throw new Fault('keyring-name', 'must be named <selector>._domainkey.<domain>.pem');
  return isRetired ? 'retired' : loadKey(text, parsed.selector, parsed.domain);
}

function readCredential(name: string, text: string): CredentialRecord {
  const record = parseCredential(text);
  if (!record) throw new Fault('keyring-record', 'must be a credential record of version 1');
  if (credentialFile(record.username) === name) return record;
  throw new Fault('keyring-name', `must be named ${credentialFile(record.username)}, after its username`);
}
