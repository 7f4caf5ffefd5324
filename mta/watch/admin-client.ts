/**
 * Asks the admin API of the process that holds a data folder: its address and token lie there.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '#lib/run/fault.ts';

const urlFile = (data: string): string => join(data, 'admin-url');
export const tokenFile = (data: string): string => join(data, 'admin-token');

/** Leaves the address where `askAdmin` finds it. */
export const publishAdminUrl = (data: string, url: string): Promise<void> => writeFile(urlFile(data), `${url}\n`);

/** The answer's JSON. Faults: `not-running`, `refused` with the answer's own words. */
export async function askAdmin(
  data: string,
  path: string,
  method: 'GET' | 'POST' | 'PUT' | 'DELETE' = 'GET',
  content?: object,
): Promise<unknown> {
  const url = await fileText(urlFile(data), data);
  const token = await fileText(tokenFile(data), data);
  const headers = { authorization: `Bearer ${token}` };
  const asked = { method, headers, ...(content && { body: JSON.stringify(content) }) };
  const answer = await fetch(url + path, asked).catch((cause: unknown) => {
    throw new Fault('not-running', `nobody answers at ${url}: start it with \`npm start\``, { cause });
  });
  const body = (await answer.json().catch((cause: unknown) => {
    throw new Fault('refused', `${url} does not answer as postfleet does: is it another program?`, { cause });
  })) as { detail?: string };
  if (!answer.ok) throw new Fault('refused', body.detail ?? `the admin API answered ${answer.status}`);
  return body;
}

async function fileText(path: string, data: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    throw new Fault('not-running', `${data} has not been used yet: run \`npm start\`, or name the folder with --data`, {
      cause,
    });
  }
}
