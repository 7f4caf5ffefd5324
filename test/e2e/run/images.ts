/**
 * The images of the node, as tars in a folder: nothing is fetched from a registry. Ours is built as people build it; those of others hold
 * this machine's programs, under the names that the examples call them by. Valkey's is Redis, from which it came.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { giveUp, NATS_SERVER, PAUSE } from '../../setup/tools.ts';
import type { Images } from '../ground.ts';
import { archive, type Contents, MACHINES } from './archive.ts';

/** As containerd is told it. */
export const PAUSE_IMAGE = 'localhost/pause:1';
/** Ours, as the chart is told it; that of the other release is the same. */
export const IMAGES: Images = { repository: 'docker.io/library/postfleet', tag: 'e2e', next: 'e2e-next' };

const OTHERS: Readonly<Record<string, Contents>> = {
  pause: { name: PAUSE_IMAGE, entrypoint: ['/pause'], programs: { '/pause': PAUSE } },
  nats: {
    name: 'docker.io/library/nats:2.15.2',
    entrypoint: ['/usr/bin/nats-server'],
    programs: { '/usr/bin/nats-server': NATS_SERVER },
  },
  valkey: {
    name: 'docker.io/valkey/valkey:9.1',
    entrypoint: ['/usr/bin/valkey-server'],
    programs: { '/usr/bin/valkey-server': '/usr/bin/redis-server', '/bin/sh': '/bin/dash', '/bin/cat': '/bin/cat' },
  },
};

export function buildImages(folder: string): void {
  mkdirSync(folder);
  for (const [file, contents] of Object.entries(OTHERS)) archive(join(folder, `${file}.tar`), contents);
  const script = fileURLToPath(new URL('../../../helm/image.ts', import.meta.url));
  const what = [
    '--name',
    `postfleet:${IMAGES.tag}`,
    '--machine',
    MACHINES[process.arch] ?? '',
    '--to',
    join(folder, 'postfleet.tar'),
  ];
  const { status } = spawnSync(process.execPath, [script, ...what], { stdio: ['ignore', 2, 2] });
  if (status !== 0) giveUp('the image was not built; the lines above say why');
}
