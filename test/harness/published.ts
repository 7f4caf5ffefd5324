/**
 * The DKIM records of a data folder's keys, as DNS would publish them.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { loadKey } from '#lib/dkim/key.ts';
import type { LookupTxt } from '#lib/dkim/verify.ts';

export function publishedBy(data: string): LookupTxt {
  const folder = join(data, 'keyring/dkim');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((it) => it.endsWith('.pem'));
  const records = new Map(files.map((it) => [basename(it), recordOf(basename(it), readFileSync(join(folder, it)))]));
  return async (name) => [records.get(`${name}.pem`) ?? []].flat();
}

function recordOf(file: string, pem: Buffer): string {
  const [selector = '', domain = ''] = file.replace(/\.pem$/, '').split('._domainkey.');
  return loadKey(pem, selector, domain).record;
}
