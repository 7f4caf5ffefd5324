/**
 * The keyring read from a folder: `dkim/<namespace>/<selector>._domainkey.<domain>.pem`, `credentials/<namespace>.<name>.json`
 * and `return-path/<yyyymmdd>.key`.
 *
 * File names are such as keys of a Secret may be, so a mounted Secret is read by the same code; a part that is not
 * mounted is empty. All or nothing: while any file is bad, the last good keyring stays and every problem is listed.
 * A folder that is bad at the start is a fault. Files are looked at again every ten seconds, and when asked.
 */
import { join } from 'node:path';
import { type Clock, type Timer, seconds } from '#lib/run/clock.ts';
import { Fault } from '#lib/run/fault.ts';
import { type SigningKey, loadKey } from '#lib/dkim/key.ts';
import { parseCredential } from './credential.ts';
import type { CredentialRecord, Keyring } from './keyring.ts';
import { type Part, emptyPart, foldersIn, readPart } from './part.ts';
import { type ReturnPathKey, readReturnPathKey } from './return-path-key.ts';

export interface FolderKeyring extends Keyring {
  /** Reads what has changed, now. Resolves with all that is wrong; if anything is, the last good keyring stays. */
  reread(): Promise<readonly string[]>;
  /** What was wrong at the last reading, a sentence each, without secrets. */
  problems(): readonly string[];
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
  /** By namespace; `''` for what lies in no folder of one, and signs for nobody. */
  #keys: KeyParts = new Map();
  #credentials: Part<CredentialRecord> = emptyPart;
  #returnPath: Part<ReturnPathKey> = emptyPart;
  /** By domain, and by `namespace domain`. */
  #byDomain: ReadonlyMap<string, readonly SigningKey[]> = new Map();
  #byUsername: ReadonlyMap<string, CredentialRecord> = new Map();
  #newestFirst: readonly ReturnPathKey[] = [];
  #problems: readonly string[] = [];
  #reading: Promise<unknown> = Promise.resolve();
  #timer: Timer | undefined;
  #closed = false;

  constructor(folder: string, clock: Clock) {
    this.#folder = folder;
    this.#clock = clock;
  }

  signingKeys(domain: string, namespace?: string): readonly SigningKey[] {
    return this.#byDomain.get(namespace === undefined ? domain : `${namespace} ${domain}`) ?? [];
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
    const keys = await this.#readKeys(join(this.#folder, 'dkim'));
    const credentials = await readPart(join(this.#folder, 'credentials'), readCredential, this.#credentials);
    const returnPath = await readPart(join(this.#folder, 'return-path'), readReturnPathKey, this.#returnPath);
    this.#problems = [
      ...[...keys.values()].flatMap((it) => it.problems),
      ...credentials.problems,
      ...returnPath.problems,
    ];
    if (this.#problems.length === 0) this.#take(keys, credentials, returnPath);
    this.#timer?.cancel();
    if (!this.#closed) this.#timer = this.#clock.after(SLOW_LOOK, () => void this.reread());
    return this.#problems;
  }

  async #readKeys(folder: string): Promise<KeyParts> {
    const parts = new Map<string, Part<SigningKey>>();
    for (const namespace of ['', ...(await foldersIn(folder))])
      parts.set(namespace, await readPart(join(folder, namespace), readKey, this.#keys.get(namespace) ?? emptyPart));
    return parts;
  }

  #take(keys: KeyParts, credentials: Part<CredentialRecord>, returnPath: Part<ReturnPathKey>): void {
    this.#keys = keys;
    this.#credentials = credentials;
    this.#returnPath = returnPath;
    this.#byDomain = keysByDomain(keys);
    this.#byUsername = new Map([...credentials.files.values()].map(({ value }) => [value.username, value]));
    this.#newestFirst = [...returnPath.files.values()].map(({ value }) => value).toSorted((a, b) => b.day - a.day);
  }
}

type KeyParts = ReadonlyMap<string, Part<SigningKey>>;

function keysByDomain(parts: KeyParts): ReadonlyMap<string, readonly SigningKey[]> {
  const named = [...parts].flatMap(([namespace, { files }]) =>
    [...files.values()].flatMap(({ value }) => [
      { name: value.domain, value },
      { name: `${namespace} ${value.domain}`, value },
    ]),
  );
  const grouped = Map.groupBy(named, ({ name }) => name);
  return new Map([...grouped].map(([name, all]) => [name, all.map(({ value }) => value)]));
}

function readKey(name: string, text: string): SigningKey {
  const parsed = parseKeyFile(name);
  if (!parsed) throw new Fault('keyring-name', 'must be named <selector>._domainkey.<domain>.pem');
  return loadKey(text, parsed.selector, parsed.domain);
}

function readCredential(name: string, text: string): CredentialRecord {
  const record = parseCredential(text);
  if (!record) throw new Fault('keyring-record', 'must be a credential record of version 1');
  if (credentialFile(record.username) === name) return record;
  throw new Fault('keyring-name', `must be named ${credentialFile(record.username)}, after its username`);
}
