/**
 * What becomes of our Deployments, on this machine: each gets one pod, whose container runs as a real process, with the very command line, variables and
 * files that their template says, let in to the API as their own account and no more.
 *
 * Three things are other than in a cluster: files of a pod lie in a folder of its own, which stands before every path that is mounted;
 * ports are those that are declared, because all pods are on one machine; and pods are bound to no node, and never replaced. Secrets that are mounted are
 * looked at several times a second. A process that ended is started again on what it had, as a container is.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Kube, KubeObject } from '#lib/kube/kube.ts';
import { DEPLOYMENTS, PODS, SECRETS } from '#operator/types.ts';
import type { Kubectl } from './kubectl.ts';
import { freePorts } from './ports.ts';
import { LAUNCHER } from './postfleet.ts';
import type { Program } from './program.ts';
import type { Stage } from './stage.ts';

interface Source {
  readonly secret: {
    readonly name: string;
    readonly optional?: boolean;
    readonly items: readonly { readonly key: string; readonly path: string }[];
  };
}

interface Volume {
  readonly name: string;
  readonly projected?: { readonly sources: readonly Source[] };
}

interface PodSpec {
  readonly serviceAccountName: string;
  readonly volumes: readonly Volume[];
  readonly containers: readonly {
    readonly name: string;
    readonly args: readonly string[];
    readonly env: readonly {
      readonly name: string;
      readonly valueFrom: { readonly fieldRef: { fieldPath: string } };
    }[];
    readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  }[];
}

/** A pod that runs here. */
export interface RunningPod {
  readonly name: string;
  readonly component: string;
  readonly metricsUrl: string;
  /** Of the container that runs now. */
  readonly program: Program;
  /** What it has of what is mounted and of its own. */
  readonly folder: string;
}

interface Run extends RunningPod {
  readonly spec: PodSpec;
  readonly start: () => Program;
  program: Program;
  /** What was said last of its Deployment. */
  said: string;
}

export interface KubeletOptions {
  readonly stage: Stage;
  /** As the administrator, both. */
  readonly kube: Kube;
  readonly kubectl: Kubectl;
  readonly namespace: string;
  /** Pods have come, or run anew. */
  readonly changed?: (pods: readonly RunningPod[]) => void;
}

const PAUSE = 200;
/** Until a container that ended is started again. */
const BACK_OFF = 500;

export class Kubelet {
  readonly #options: KubeletOptions;
  readonly #runs = new Map<string, Run>();
  #looking: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: KubeletOptions) {
    this.#options = options;
    this.#plan();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#looking;
    await Promise.all([...this.#runs.values()].map(({ program }) => program.stop()));
  }

  #plan(): void {
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => {
      // While the API server is away pods go on as they are.
      this.#looking = this.#look().then(
        () => this.#plan(),
        () => this.#plan(),
      );
    }, PAUSE);
  }

  async #look(): Promise<void> {
    const { kube, namespace } = this.#options;
    const [{ objects: deployments }, { objects: secrets }] = await Promise.all([
      kube.list(DEPLOYMENTS, { namespace }),
      kube.list(SECRETS, { namespace }),
    ]);
    const texts = new Map(secrets.map((it) => [it.metadata.name, (it['data'] ?? {}) as Record<string, string>]));
    for (const it of deployments) if (!this.#runs.has(podName(it))) await this.#run(await this.#podOf(it), texts);
    for (const run of this.#runs.values()) mount(run, texts);
    for (const it of deployments) await this.#tellReady(it);
  }

  async #podOf(deployment: KubeObject): Promise<KubeObject> {
    const { kube, namespace } = this.#options;
    const { template } = deployment['spec'] as {
      readonly template: { readonly metadata: object; readonly spec: object };
    };
    const metadata = { ...template.metadata, namespace, name: podName(deployment) };
    const written = await kube.create(PODS, { apiVersion: 'v1', kind: 'Pod', metadata, spec: template.spec });
    if (written.kind !== 'written') throw new Error(JSON.stringify(written));
    return written.object;
  }

  async #run(pod: KubeObject, texts: ReadonlyMap<string, Readonly<Record<string, string>>>): Promise<void> {
    const { stage, kubectl, namespace } = this.#options;
    const spec = pod['spec'] as PodSpec;
    const [container] = spec.containers;
    if (!container) return;
    const { name } = pod.metadata;
    const folder = stage.folder(name);
    const kubeconfig = join(folder, 'kubeconfig');
    writeFileSync(kubeconfig, await kubectl.kubeconfigOf(namespace, spec.serviceAccountName), { mode: 0o600 });
    const [metrics = 0] = await freePorts(1);
    const own = { KUBECONFIG: kubeconfig, PATH: process.env['PATH'] };
    const env = { ...own, ...variablesOf(pod, container.env) };
    const args = [...here(container.args, container.volumeMounts, folder, metrics), '--admin', '127.0.0.1:0'];
    const start = (): Program => stage.start(name, LAUNCHER, args, { env });
    const placed = {
      name,
      component: container.name,
      metricsUrl: `http://127.0.0.1:${metrics}`,
      folder,
      spec,
      start,
    };
    for (const { mountPath } of container.volumeMounts) mkdirSync(join(folder, mountPath), { recursive: true });
    mount(placed, texts);
    const run = { ...placed, program: start(), said: '' };
    this.#runs.set(name, run);
    this.#keep(run);
  }

  /** Also while the API server is away. */
  #keep(run: Run): void {
    this.#options.changed?.([...this.#runs.values()]);
    void run.program.ended.then(() => {
      if (!this.#isClosed) setTimeout(() => this.#again(run), BACK_OFF);
    });
  }

  #again(run: Run): void {
    if (this.#isClosed) return;
    run.program = run.start();
    this.#keep(run);
  }

  /** What a controller would say of a Deployment of one pod. */
  async #tellReady(deployment: KubeObject): Promise<void> {
    const run = this.#runs.get(podName(deployment));
    if (!run) return;
    const isReady = await fetch(`${run.metricsUrl}/readyz`).then(
      (it) => it.ok,
      () => false,
    );
    const { name, namespace, generation = 1 } = deployment.metadata;
    const said = `${isReady} ${generation}`;
    if (said === run.said) return;
    const ready = isReady ? 1 : 0;
    const status = { observedGeneration: generation, replicas: 1, updatedReplicas: 1, ...countsOf(ready) };
    const metadata = { name, namespace: namespace ?? '' };
    const object = { apiVersion: 'apps/v1', kind: 'Deployment', metadata, status };
    const written = await this.#options.kube.applyStatus(DEPLOYMENTS, object, 'kubelet');
    if (written.kind === 'written') run.said = said;
  }
}

const podName = ({ metadata }: KubeObject): string => `${metadata.name}-1`;
const countsOf = (ready: number): object => ({ readyReplicas: ready, availableReplicas: ready });

function variablesOf(pod: KubeObject, env: PodSpec['containers'][number]['env']): Record<string, string> {
  const { name, namespace = '', uid = '' } = pod.metadata;
  const fields: Readonly<Record<string, string>> = {
    'metadata.name': name,
    'metadata.namespace': namespace,
    'metadata.uid': uid,
  };
  return Object.fromEntries(env.map((it) => [it.name, fields[it.valueFrom.fieldRef.fieldPath] ?? '']));
}

const here = (
  args: readonly string[],
  mounts: readonly { readonly mountPath: string }[],
  folder: string,
  metrics: number,
): string[] =>
  args.map((it) => {
    // The secrets that are named may be none, so that only what lies above them is mounted.
    const isMounted = mounts.some(({ mountPath }) => `${it}/`.startsWith(`${mountPath}/`) || mountPath.startsWith(it));
    return it.startsWith('/') && isMounted ? join(folder, it) : it.replace('0.0.0.0:9464', `127.0.0.1:${metrics}`);
  });

/** Writes what has changed, each file whole at once. */
function mount(
  { folder, spec }: Pick<Run, 'folder' | 'spec'>,
  texts: ReadonlyMap<string, Readonly<Record<string, string>>>,
): void {
  const [container] = spec.containers;
  for (const { name, projected } of spec.volumes) {
    const { mountPath = '' } = container?.volumeMounts.find((it) => it.name === name) ?? {};
    for (const { secret } of projected?.sources ?? [])
      for (const { key, path } of secret.items) put(join(folder, mountPath, path), texts.get(secret.name)?.[key]);
  }
}

function put(file: string, encoded: string | undefined): void {
  if (encoded === undefined) return rmSync(file, { force: true });
  const content = Buffer.from(encoded, 'base64');
  if (existsSync(file) && readFileSync(file).equals(content)) return;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${dirname(file)}/.new`, content, { mode: 0o440 });
  renameSync(`${dirname(file)}/.new`, file);
}
