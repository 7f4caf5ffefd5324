/**
 * Real Helm, 3 or 4, on our chart: what it says of it, what it renders, and what it does at an API server.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseYaml } from '#crds/source/yaml.ts';
import type { KubeObject, KubeType } from '#lib/kube/kube.ts';
import { type HelmMajor, helmFile } from '../setup/helm.ts';
import type { ControlPlane } from './control-plane.ts';
import type { Ran } from './shell.ts';
import type { Stage } from './stage.ts';

export const CHART = fileURLToPath(new URL('../../helm/postfleet', import.meta.url));
/** Helm asks the API server for its version, and without one must be told. */
const KUBERNETES = '1.34.4';

/** Files of values, as `ci/` of the chart has them. */
export const valuesFile = (name: string): string => join(CHART, 'ci', `${name}-values.yaml`);

export class Helm {
  readonly #stage: Stage;
  readonly #program: string;
  readonly #env: NodeJS.ProcessEnv;

  constructor(stage: Stage, major: HelmMajor, plane?: Pick<ControlPlane, 'kubeconfig'>) {
    const folder = stage.folder(`helm-${major}`);
    const kubeconfig = join(folder, 'kubeconfig');
    if (plane) writeFileSync(kubeconfig, plane.kubeconfig(), { mode: 0o600 });
    this.#stage = stage;
    this.#program = helmFile(major);
    this.#env = { ...process.env, HOME: folder, KUBECONFIG: kubeconfig };
  }

  /** To its end, whatever that is. */
  async run(...args: readonly string[]): Promise<Ran> {
    const program = this.#stage.start('helm', this.#program, args, { env: this.#env });
    const { code } = await program.ended;
    return { code, stdout: program.stdout, stderr: program.stderr };
  }

  /** Throws what Helm says when it does not work. */
  async works(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...args);
    if (code !== 0) throw new Error(`helm ${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  /** The objects of a release, in order. */
  async render(values: string, namespace = 'postfleet'): Promise<KubeObject[]> {
    const where = ['--namespace', namespace, '--kube-version', KUBERNETES];
    const text = await this.works('template', 'postfleet', CHART, '--values', values, ...where);
    const { documents, problems } = parseYaml(text);
    if (problems.length > 0) throw new Error(JSON.stringify(problems));
    return documents.map(({ value }) => value as KubeObject);
  }
}

/** By the rule that names of types follow. */
export function typeOf({ apiVersion, kind }: KubeObject): KubeType {
  const [version = '', group = ''] = apiVersion.split('/').toReversed();
  return { group, version, kind, plural: `${kind.toLowerCase()}s`.replace(/ys$/, 'ies') };
}
