/**
 * The images of the node, as tars in a folder: nothing is fetched from a registry.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { PAUSE } from '../../setup/tools.ts';
import { archive } from './archive.ts';

/** As containerd is told it. */
export const PAUSE_IMAGE = 'localhost/pause:1';

export async function buildImages(folder: string): Promise<void> {
  mkdirSync(folder);
  archive(join(folder, 'pause.tar'), { name: PAUSE_IMAGE, entrypoint: ['/pause'], programs: { '/pause': PAUSE } });
}
