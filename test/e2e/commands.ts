/**
 * The test of commands from outside the cluster: by a kubeconfig, through the API server, to its pods.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { LAUNCHER } from '../harness/postfleet.ts';
import type { Ran } from '../harness/shell.ts';
import type { Stage } from '../harness/stage.ts';
import { until } from '../harness/until.ts';
import { inMail } from './declared.ts';
import type { Ground } from './ground.ts';
import { example } from './stores.ts';

/** `onCall`: a kubeconfig of somebody of the group that the example speaks of, and of no other. */
export function testCommands(stage: Stage, given: () => Ground, onCall: () => string): void {
  test('a command reaches the pods through the API server for those whom the example lets operate, and for nobody else', async () => {
    const ground = given();
    const kubeconfig = join(stage.folder('on-call'), 'kubeconfig');
    writeFileSync(kubeconfig, onCall(), { mode: 0o600 });
    const ask = (...words: readonly string[]): Promise<Ran> =>
      typed(stage, ...words, '--kubeconfig', kubeconfig, '--namespace', ground.places.mail, '--json');
    const refused = await ask('explain', 'you@demo.test');
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toMatch(/pods is forbidden: User "on-call"/);
    await ground.kubectl.apply(...example('operate.yaml').map((it) => inMail(ground, it)));
    const asked = async (): Promise<Ran | undefined> => {
      const ran = await ask('explain', 'you@demo.test');
      return ran.code === 0 ? ran : undefined;
    };
    const { stdout } = await until('it is answered', asked, 30_000, 500);
    expect(JSON.parse(stdout)).toMatchObject({ recipient: 'you@demo.test' });
    const queue = await ask('queue');
    expect([queue.code, queue.stderr]).toEqual([0, '']);
    // What asks for numbers goes the same way.
    expect((await ask('suspend', '--domain', 'nowhere.test', '--reason', 'trial', '--dry-run')).code).toBe(0);
  });
}

async function typed(stage: Stage, ...words: readonly string[]): Promise<Ran> {
  const program = stage.start('postfleet', LAUNCHER, words);
  const { code } = await program.ended;
  return { code, stdout: program.stdout, stderr: program.stderr };
}
