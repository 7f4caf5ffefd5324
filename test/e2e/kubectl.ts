/**
 * kubectl as the administrator.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Program } from '../harness/program.ts';
import type { Ran } from '../harness/shell.ts';
import type { Stage } from '../harness/stage.ts';
import { programFile } from '../setup/control-plane.ts';

/** Its input is a file: whoever gives it none would share ours. */
const FED = 'exec "$@" < "$0"';

export class Kubectl {
  readonly #stage: Stage;
  readonly #env: NodeJS.ProcessEnv;

  constructor(stage: Stage, kubeconfig: string) {
    this.#stage = stage;
    this.#env = { ...process.env, KUBECONFIG: kubeconfig, HOME: stage.folder('home') };
  }

  /** Started and left to itself. `input`: a file. */
  begin(args: readonly string[], input?: string): Program {
    const kubectl = programFile('kubectl');
    return input === undefined
      ? this.#stage.start('kubectl', kubectl, args, { env: this.#env })
      : this.#stage.start('kubectl', 'sh', ['-c', FED, input, kubectl, ...args], { env: this.#env });
  }

  /** To its end, whatever that is. */
  run(...args: readonly string[]): Promise<Ran> {
    return ended(this.begin(args));
  }

  /** Throws what it says when it does not work. */
  async works(...args: readonly string[]): Promise<string> {
    return worked(args, await this.run(...args));
  }

  /** The same, with a file as its input. */
  async feed(file: string, ...args: readonly string[]): Promise<string> {
    return worked(args, await ended(this.begin(args, file)));
  }

  async apply(...objects: readonly object[]): Promise<void> {
    const file = join(this.#stage.folder('objects'), 'objects.json');
    writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
    await this.works('apply', '--filename', file);
  }
}

async function ended(program: Program): Promise<Ran> {
  const { code } = await program.ended;
  return { code, stdout: program.stdout, stderr: program.stderr };
}

function worked(args: readonly string[], { code, stdout, stderr }: Ran): string {
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}${stdout}`);
  return stdout;
}
