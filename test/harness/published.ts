/**
 * The DKIM records of a data folder's keys, as DNS would publish them.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadKey } from '#lib/dkim/key.ts';
import type { LookupTxt } from '#lib/dkim/verify.ts';

export function publishedBy(data: string): LookupTxt {
  const folder = join(data, 'keyring/dkim');
  const records = new Map(readdirSync(folder).map((file) => [file, recordOf(file, readFileSync(join(folder, file)))]));
  return async (name) => [records.get(`${name}.pem`) ?? []].flat();
}

function recordOf(file: string, pem: Buffer): string {
  const [selector = '', domain = ''] = file.replace(/\.pem$/, '').split('._domainkey.');
  return loadKey(pem, selector, domain).record;
}
