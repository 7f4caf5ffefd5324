/**
 * Asks the admin API of a process: by its data folder, where its address and token lie, or by its address.
 *
 * In a cluster any process answers for all of them; the data folder of one is enough, or the way to a pod (`cluster-door.ts`).
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '#lib/run/fault.ts';

const urlFile = (data: string): string => join(data, 'admin-url');
export const tokenFile = (data: string): string => join(data, 'admin-token');

/** Leaves the address where `askAdmin` finds it. */
export const publishAdminUrl = (data: string, url: string): Promise<void> => writeFile(urlFile(data), `${url}\n`);

/** Where the admin API is. */
export interface AdminFlags {
  /** The data folder of a process. */
  readonly data: string;
  /** Its address; absent: what the data folder says. */
  readonly admin?: string;
  /** A file with its token; absent: that of the data folder. */
  readonly token?: string;
  /** The way to a pod, which is taken in place of all these. */
  readonly door?: AdminDoor;
}

/** A way to the admin API that has its own address and token. */
export interface AdminDoor {
  readonly url: string;
  readonly token: string;
  /** Why nobody answers there, as far as is known. */
  readonly problem: () => Fault | undefined;
}

/** The answer's JSON. Faults: `not-running`, `refused` with the answer's own words. */
export async function askAdmin(
  flags: AdminFlags,
  path: string,
  method: 'GET' | 'POST' | 'PUT' | 'DELETE' = 'GET',
  content?: object,
): Promise<unknown> {
  const { url, token, problem } = flags.door ?? (await doorOf(flags));
  const headers = { authorization: `Bearer ${token}` };
  const asked = { method, headers, ...(content && { body: JSON.stringify(content) }) };
  const answer = await fetch(url + path, asked).catch((cause: unknown) => {
    throw problem() ?? new Fault('not-running', `nobody answers at ${url}: start it with \`npm start\``, { cause });
  });
  const body = (await answer.json().catch((cause: unknown) => {
    throw new Fault('refused', `${url} does not answer as postfleet does: is it another program?`, { cause });
  })) as { detail?: string };
  if (!answer.ok) throw new Fault('refused', body.detail ?? `the admin API answered ${answer.status}`);
  return body;
}

async function doorOf({ data, admin, token: file }: AdminFlags): Promise<AdminDoor> {
  const unused = `${data} has not been used yet: run \`npm start\`, or name the folder with --data`;
  const url = admin?.replace(/\/+$/, '') ?? (await fileText(urlFile(data), unused));
  const token = file === undefined ? await fileText(tokenFile(data), unused) : await fileText(file, noToken(file));
  return { url, token, problem: () => undefined };
}

const noToken = (file: string): string => `${file} cannot be read: name a file with an admin token with --token`;

/** Fault `answer-incomplete` when a part of the cluster gave no answer: what is known has been printed by then. */
export function mustBeWhole({ missing = [] }: { readonly missing?: readonly string[] }): void {
  if (missing.length === 0) return;
  throw new Fault(
    'answer-incomplete',
    `not everybody has answered, and what they have is left out: ${missing.join('; ')}`,
  );
}

async function fileText(path: string, missing: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    throw new Fault('not-running', missing, { cause });
  }
}
