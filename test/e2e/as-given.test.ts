/**
 * A node of this machine's own as a cluster that somebody gave: the run in it passes, and leaves nothing there.
 *
 * `npm run e2e -- as-given`: it takes as long as the other, of whose parts it is made.
 */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { openScene } from '../harness/scene.ts';
import { disks } from './node/disks.ts';
import { NAME, Node } from './node/node.ts';
import { IMAGES } from './run/images.ts';

const RUN = fileURLToPath(new URL('run.ts', import.meta.url));

const stage = openScene();
let node: Node;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  node = await Node.start(stage, []);
  await node.kubectl.apply(...disks(3));
  const kubeconfig = join(stage.folder('given'), 'kubeconfig');
  writeFileSync(kubeconfig, node.plane.kubeconfig(), { mode: 0o600 });
  env = {
    ...process.env,
    POSTFLEET_E2E_KUBECONFIG: kubeconfig,
    POSTFLEET_E2E_IMAGE: `${IMAGES.repository}:${IMAGES.tag}`,
    POSTFLEET_E2E_NEXT_TAG: IMAGES.next,
    POSTFLEET_E2E_FORM: 'short',
  };
}, 300_000);

test('all of it works there', async () => {
  expect(await runWith(env)).toBe(0);
}, 1_800_000);

test('nothing of it is left', async () => {
  const namespaces = await node.kubectl.works('get', 'namespaces', '--output', 'name');
  expect(namespaces).not.toContain('e2e');
  const definitions = await node.kubectl.works('get', 'customresourcedefinitions', '--output', 'name');
  expect(definitions).toBe('');
  const roles = await node.kubectl.works('get', 'clusterroles,clusterrolebindings', '--output', 'name');
  expect(roles).not.toContain('postfleet');
  expect(await node.kubectl.works('get', 'node', NAME, '--output', 'yaml')).not.toContain('postfleet.io/');
});

function runWith(variables: NodeJS.ProcessEnv): Promise<number | null> {
  const child = spawn(process.execPath, [RUN], { env: variables, stdio: ['ignore', 'inherit', 'inherit'] });
  return new Promise((resolve) => child.on('close', resolve));
}
