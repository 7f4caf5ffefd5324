/**
 * What a power cut brings back of a nats-server's start: it writes a file to see whether it can, and removes it. That it did may be
 * forgotten, and then it takes the file for an account, and calls itself unwell.
 */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Of all servers that keep their streams in this folder; to be called before they are started again. */
export function dropProbes(folder: string): void {
  for (const store of readdirSync(folder).filter((it) => it.endsWith('-store'))) {
    const accounts = join(folder, store, 'jetstream');
    for (const name of readdirSync(accounts))
      if (name.startsWith('_test_')) rmSync(join(accounts, name), { recursive: true });
  }
}
