/**
 * kubectl as the administrator.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Ran } from '../../harness/shell.ts';
import type { Stage } from '../../harness/stage.ts';
import { programFile } from '../../setup/control-plane.ts';

export class Kubectl {
  readonly #stage: Stage;
  readonly #env: NodeJS.ProcessEnv;

  constructor(stage: Stage, kubeconfig: string) {
    this.#stage = stage;
    this.#env = { ...process.env, KUBECONFIG: kubeconfig, HOME: stage.folder('home') };
  }

  /** To its end, whatever that is. */
  async run(...args: readonly string[]): Promise<Ran> {
    const program = this.#stage.start('kubectl', programFile('kubectl'), args, { env: this.#env });
    const { code } = await program.ended;
    return { code, stdout: program.stdout, stderr: program.stderr };
  }

  /** Throws what it says when it does not work. */
  async works(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...args);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}${stdout}`);
    return stdout;
  }

  async apply(...objects: readonly object[]): Promise<void> {
    const file = join(this.#stage.folder('objects'), 'objects.json');
    writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
    await this.works('apply', '--filename', file);
  }
}
