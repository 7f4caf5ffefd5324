/**
 * `kubectl` as people type it: lines of a shell, on one API server, with nothing of whoever runs the tests.
 */
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { programFile } from '../setup/control-plane.ts';
import type { ControlPlane } from './control-plane.ts';
import type { Program } from './program.ts';
import type { Stage } from './stage.ts';

interface KubeConfig {
  readonly contexts: readonly { readonly context: object }[];
}

export class Kubectl {
  readonly #stage: Stage;
  readonly #cwd: string;
  readonly #env: NodeJS.ProcessEnv;

  /** `kubeconfig`: its file; `cwd`: where files are that are named. */
  constructor(stage: Stage, kubeconfig: string, cwd = stage.root) {
    this.#stage = stage;
    this.#cwd = cwd;
    const path = `${dirname(programFile('kubectl'))}:${process.env['PATH']}`;
    this.#env = { PATH: path, HOME: stage.folder('home'), KUBECONFIG: kubeconfig };
  }

  /** As the administrator. */
  static on(stage: Stage, plane: ControlPlane): Kubectl {
    const kubeconfig = join(stage.folder('administrator'), 'kubeconfig');
    writeFileSync(kubeconfig, plane.kubeconfig(), { mode: 0o600 });
    return new Kubectl(stage, kubeconfig);
  }

  /** Started and left to itself. */
  begin(line: string): Program {
    return this.#stage.start('kubectl', 'sh', ['-c', line], { cwd: this.#cwd, env: this.#env });
  }

  /** What it prints. Rejects with what it complains of. */
  async run(line: string): Promise<string> {
    const program = this.begin(line);
    const { code } = await program.ended;
    if (code !== 0) throw new Error(`${line}\nended with ${code}, saying:\n${program.stderr}`);
    return program.stdout;
  }

  /** A kubeconfig for who is let in as this service account, for a day. */
  async kubeconfigOf(namespace: string, account: string): Promise<string> {
    const [token, view] = await Promise.all([
      this.run(`kubectl --namespace ${namespace} create token ${account} --duration 24h`),
      this.run('kubectl config view --raw --minify --flatten --output json'),
    ]);
    const config = JSON.parse(view) as KubeConfig;
    const contexts = config.contexts.map((it) => ({ ...it, context: { ...it.context, user: account } }));
    return JSON.stringify({ ...config, contexts, users: [{ name: account, user: { token: token.trim() } }] });
  }
}
