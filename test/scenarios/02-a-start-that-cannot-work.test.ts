/**
 * A start that cannot work says what is wrong, names the setting, and leaves nothing behind.
 */
import { createServer } from 'node:net';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ConfigFolder } from '../harness/config.ts';
import { freePorts } from '../harness/ports.ts';
import { LAUNCHER, Postfleet } from '../harness/postfleet.ts';
import { openScene } from '../harness/scene.ts';

const scene = openScene();

/** Starts on addresses of its own; answers how it ended and what it said last. */
async function startInVain(config: string, flags: readonly string[]): Promise<string> {
  const [metrics = 0, admin = 0] = await freePorts(2);
  const defaults = ['--metrics', `127.0.0.1:${metrics}`, '--admin', `127.0.0.1:${admin}`];
  const args = ['standalone', '--config', config, '--data', scene.folder('data'), ...defaults, ...flags];
  const program = scene.start('postfleet', LAUNCHER, args);
  const { code } = await program.ended;
  return `${code}: ${program.stderr}`;
}

async function takePort(port: number): Promise<{ close(): Promise<void> }> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  return { close: async () => void server.close() };
}

test.each(['submission', 'submissions', 'receiver'] as const)(
  'a taken port of the %s is named, with what to change',
  async (name) => {
    const config = await ConfigFolder.from(scene, 'standalone');
    const taken = await takePort(config.ports[name]);
    const said = await startInVain(config.path, []);
    await taken.close();
    expect(said).toMatch(/^1: postfleet: .*\[address-in-use\]\n$/s);
    expect(said).toContain(name);
    expect(said).toContain(String(config.ports[name]));
  },
);

test.each(['--metrics', '--admin'])('a taken port of %s is named, with the flag', async (flag) => {
  const config = await ConfigFolder.from(scene, 'standalone');
  const [port = 0] = await freePorts(1);
  const taken = await takePort(port);
  const said = await startInVain(config.path, [flag, `127.0.0.1:${port}`]);
  await taken.close();
  expect(said).toMatch(/^1: postfleet: .*\[address-in-use\]\n$/s);
  expect(said).toContain(`127.0.0.1:${port}`);
  expect(said).toContain(flag);
});

test('two processes never share a data folder', async () => {
  const first = await Postfleet.start(scene, await ConfigFolder.from(scene, 'standalone'));
  const other = await ConfigFolder.from(scene, 'standalone');
  const said = await startInVain(other.path, ['--data', first.data]);
  expect(said).toMatch(/^1: postfleet: .*queue\.db is in use by another process: .*--data.* \[data-locked\]\n$/);
  expect(await first.stop()).toEqual({ code: 0, signal: null });
});

test('a folder with something else in it is not emptied by --fresh', async () => {
  const folder = join(scene.folder('home'), 'documents');
  mkdirSync(folder);
  writeFileSync(join(folder, 'letter.txt'), 'Dear …');
  const config = await ConfigFolder.from(scene, 'standalone');
  const said = await startInVain(config.path, ['--data', folder, '--fresh']);
  expect(said).toMatch(/^1: .*\[not-a-data-folder\]\n$/);
});

test('every mistake in the resources is told at once, with its file and path', async () => {
  const config = await ConfigFolder.from(scene, 'standalone', {
    SendingDomain: { spec: { domain: 'Not A Domain' } },
    DestinationPolicy: { spec: { limits: { connections: 0 } } },
  });
  const said = await startInVain(config.path, []);
  expect(said).toMatch(/^1: .*\[config-invalid\]\n$/s);
  expect(said).toMatch(/3-domain\.yaml.*spec\.domain/);
  expect(said).toMatch(/5-destination\.yaml.*spec\.limits\.connections/);
});

test('a flag nobody knows ends with 2', async () => {
  const config = await ConfigFolder.from(scene, 'standalone');
  expect(await startInVain(config.path, ['--fast'])).toMatch(/^2: .*--fast/);
});
