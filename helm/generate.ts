/**
 * `npm run chart`: writes what is made by program of the chart `postfleet/`, its dashboards too.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chartFiles } from './chart/files.ts';

for (const [path, text] of chartFiles()) {
  const file = fileURLToPath(new URL(`postfleet/${path}`, import.meta.url));
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
