/**
 * The image, built without a container engine: its layout holds together, nobody but root owns its files, and what it runs sends mail
 * from a root that cannot be written, as nobody. Needs root (mounts).
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { machine as machineName } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import { EXECUTION, HOME, USER } from '#helm/image/config.ts';
import { ConfigFolder } from '../harness/config.ts';
import { freePorts } from '../harness/ports.ts';
import { Receiver } from '../harness/receiver.ts';
import { openScene } from '../harness/scene.ts';
import { submit } from '../harness/smtp-client.ts';
import { until } from '../harness/until.ts';

const scene = openScene();
const SCRIPT = fileURLToPath(new URL('../../helm/image.ts', import.meta.url));
/** Only what this machine is can be run here. */
const MACHINE = machineName() === 'aarch64' ? 'arm64' : 'amd64';

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}
interface Config {
  readonly architecture: string;
  readonly config: typeof EXECUTION;
  readonly rootfs: { readonly diff_ids: readonly string[] };
}

let layout: string;
let layers: readonly Descriptor[];
let config: Config;
/** Every file of the image, `mode owner/group path`. */
const files: string[] = [];
let root: string;

const digestOf = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
const blob = ({ digest }: Descriptor): Buffer =>
  readFileSync(join(layout, 'blobs/sha256', digest.replace('sha256:', '')));
const read = (it: Descriptor): unknown => JSON.parse(blob(it).toString());

beforeAll(async () => {
  layout = scene.folder('layout');
  root = scene.folder('root');
  const file = join(layout, 'image.tar');
  const built = scene.start('image', process.execPath, [SCRIPT, '--machine', MACHINE, '--to', file]);
  const { code } = await built.ended;
  if (code !== 0) throw new Error(`the image was not built: ${built.stderr}`);
  execFileSync('tar', ['-xf', file, '-C', layout]);
  const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as { manifests: [Descriptor] };
  const manifest = read(index.manifests[0]) as { config: Descriptor; layers: Descriptor[] };
  ({ layers } = manifest);
  config = read(manifest.config) as Config;
  for (const { digest } of layers) {
    const layer = join(layout, 'blobs/sha256', digest.replace('sha256:', ''));
    const own = ['--numeric-owner', '--same-owner', '--same-permissions'];
    const list = execFileSync('tar', ['-xzvvf', layer, '-C', root, ...own], { encoding: 'utf8', maxBuffer: 64 << 20 });
    files.push(...list.trimEnd().split('\n'));
  }
}, 300_000);

describe('the layout', () => {
  test('holds what it names, and nothing else', () => {
    const blobs = readdirSync(join(layout, 'blobs/sha256'));
    for (const name of blobs) expect(digestOf(readFileSync(join(layout, 'blobs/sha256', name)))).toBe(`sha256:${name}`);
    expect(blobs).toHaveLength(layers.length + 2);
    expect(layers.map((it) => blob(it).length)).toEqual(layers.map(({ size }) => size));
    expect(layers.map((it) => digestOf(gunzipSync(blob(it))))).toEqual(config.rootfs.diff_ids);
    expect(JSON.parse(readFileSync(join(layout, 'oci-layout'), 'utf8'))).toEqual({ imageLayoutVersion: '1.0.0' });
  });

  test('is run by nobody, with Node, and says for which machine', () => {
    expect(config).toMatchObject({ architecture: MACHINE, config: EXECUTION });
    expect(config.config.User).toBe('65532:65532');
    expect(config.config.Entrypoint.at(-1)).toBe(`${HOME}/postfleet.ts`);
  });
});

describe('its files', () => {
  const paths = (): string[] => files.map((it) => it.split(/\s+/)[5] ?? '');

  test('belong to root and can be changed by nobody else, but for what is kept and what is temporary', () => {
    const open = files.filter((it) => !it.startsWith('l') && (!/^\S+ 0\/0 /.test(it) || /^.....w|^........w/.test(it)));
    expect(open.map((it) => it.replace(/ +/g, ' ').replace(/\d{4}-.*? \S+ /, ''))).toEqual([
      'drwxrwxrwt 0/0 0 ./tmp/',
      `drwx------ ${USER}/${USER} 0 ./data/`,
    ]);
    expect(files.filter((it) => /^...[sS]|^......[sS]/.test(it))).toEqual([]);
  });

  test('are what is run: no shell, no tests, no packages for development', () => {
    const own = paths().filter((it) => it.startsWith('./app/') && !it.includes('node_modules'));
    expect(own.filter((it) => /\.(test|contract)\.ts$|golden|^\.\/app\/(test|bench|helm)\//.test(it))).toEqual([]);
    expect(own).toContain('./app/crds/shipped/google.yaml');
    expect(paths().filter((it) => /node_modules\/(vitest|typescript|knip|fast-check|node-linux)/.test(it))).toEqual([]);
    expect(paths().filter((it) => /^\.\/(usr\/)?s?bin\/./.test(it))).toEqual(['./usr/bin/node']);
  });
});

test('it sends mail, from a root that cannot be written', async () => {
  const folder = await ConfigFolder.from(scene, 'bench');
  const receiver = scene.adopt(await Receiver.listen(folder.ports.receiver));
  const [metrics = 0, admin = 0] = await freePorts(2);
  for (const name of ['proc', 'dev', 'config']) mkdirSync(join(root, name), { recursive: true });
  const mounts = [
    'mount --bind "$0" "$0"',
    'mount --bind "$1" "$0/config"',
    'mount -o remount,bind,ro "$0"',
    'mount -t tmpfs tmpfs "$0/tmp"',
    `mount -t tmpfs -o mode=0700,uid=${USER},gid=${USER} tmpfs "$0/data"`,
    'mount -t proc proc "$0/proc"',
    'mount --bind /dev "$0/dev"',
    'root=$0; shift',
    `exec /usr/sbin/chroot --userspec=${EXECUTION.User} "$root" "$@"`,
  ];
  const args = ['standalone', '--config', '/config', '--data', '/data', '--hostname', 'mta.test'];
  const where = ['--metrics', `127.0.0.1:${metrics}`, '--admin', `127.0.0.1:${admin}`];
  const command = [...config.config.Entrypoint, ...args, ...where];
  execFileSync('chmod', ['-R', 'a+rX', join(folder.path, '..'), scene.root]);
  const program = scene.start(
    'image',
    'unshare',
    ['--mount', 'sh', '-ec', mounts.join('\n'), root, folder.path, ...command],
    { env: { PATH: process.env['PATH'], ...Object.fromEntries(config.config.Env.map((it) => it.split('=', 2))) } },
  );
  await program.says(/postfleet is ready/);
  const status = readFileSync(`/proc/${program.pid}/status`, 'utf8');
  expect(status).toMatch(new RegExp(`^Uid:\\s+${USER}\\s+${USER}\\s`, 'm'));
  expect(readFileSync(`/proc/${program.pid}/mountinfo`, 'utf8')).toMatch(/ \/ ro,/);
  await submit(folder.ports.submission, 'hello@example.com', ['you@demo.test']);
  await until('it is delivered', () => receiver.taken.length === 1);
  expect((await program.stop()).code).toBe(0);
});
