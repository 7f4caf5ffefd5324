/**
 * A checkout as a newcomer has it: everything by link, no data of anybody's.
 */
import { readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Stage } from './stage.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const NOT_SHARED = new Set(['.data', '.git']);

export function newcomersCheckout(stage: Stage): string {
  const folder = stage.folder('checkout');
  for (const name of readdirSync(root)) if (!NOT_SHARED.has(name)) symlinkSync(join(root, name), join(folder, name));
  return folder;
}
