/**
 * A pod in which the test's own programs run, on the network of the pods. Its image is ours, which has Node; programs are put into it.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Program } from '../../harness/program.ts';
import type { Stage } from '../../harness/stage.ts';
import type { Kubectl } from '../kubectl.ts';

const NAME = 'bench';
const NODE = '/usr/bin/node';
/** Of its only disk. */
export const FOLDER = '/bench';
/** Where who is no root may listen, and where it is reached. */
export const DNS_PORT = 5353;
const WAITS = 'setInterval(() => {}, 1e9)';

/** What comes in is a file from then on, whole or not at all. */
const TAKE = `const [, file, mode] = process.argv; const fs = require('fs');
process.stdin.pipe(fs.createWriteStream(file + '.new', { mode: parseInt(mode, 8) })).on('close', () => fs.renameSync(file + '.new', file))`;
/** Runs a program to its end, and says whom to signal. */
const RUN = `const [, program, ...args] = process.argv;
const child = require('child_process').spawn(program, args, { stdio: 'inherit' });
require('fs').writeFileSync(program + '.pid', String(child.pid)); child.on('close', (code) => process.exit(code ?? 1))`;
const SIGNAL = `const [, program, name] = process.argv; process.kill(Number(require('fs').readFileSync(program + '.pid')), name)`;

export class BenchPod {
  readonly #stage: Stage;
  readonly #kubectl: Kubectl;
  readonly #namespace: string;
  /** Signals arrive in the order in which they are sent. */
  #signalled: Promise<unknown> = Promise.resolve();

  private constructor(stage: Stage, kubectl: Kubectl, namespace: string) {
    this.#stage = stage;
    this.#kubectl = kubectl;
    this.#namespace = namespace;
  }

  /** In a namespace that is there. */
  static async start(stage: Stage, kubectl: Kubectl, namespace: string, image: string): Promise<BenchPod> {
    await kubectl.apply(...objectsIn(namespace, image));
    const isReady = ['wait', '--for=condition=Ready', `pod/${NAME}`, '--timeout=180s'];
    await kubectl.works('--namespace', namespace, ...isReady);
    return new BenchPod(stage, kubectl, namespace);
  }

  /** Its own address. */
  address(): Promise<string> {
    return this.#in('get', `pod/${NAME}`, '--output', 'jsonpath={.status.podIP}');
  }

  /** Where others reach its name server, at port 53. */
  dnsAddress(): Promise<string> {
    return this.#in('get', `service/${NAME}`, '--output', 'jsonpath={.spec.clusterIP}');
  }

  /** Returns where it is in the pod. */
  async put(file: string, name: string, mode = '755'): Promise<string> {
    const path = `${FOLDER}/${name}`;
    await this.#kubectl.feed(file, ...this.#exec('--stdin'), NODE, '-e', TAKE, path, mode);
    return path;
  }

  async write(name: string, text: string): Promise<string> {
    const file = join(this.#stage.folder('text'), 'text');
    writeFileSync(file, text);
    return this.put(file, name, '644');
  }

  /** What a script of Node's prints; its arguments begin at `process.argv[1]`. */
  script(script: string, ...args: readonly string[]): Promise<string> {
    return this.#kubectl.works(...this.#exec(), NODE, '-e', script, ...args);
  }

  /** What it prints is that of the program here. */
  begin(program: string, args: readonly string[]): Program {
    return this.#kubectl.begin([...this.#exec(), NODE, '-e', RUN, program, ...args]);
  }

  signal(program: string, name: NodeJS.Signals): void {
    this.#signalled = this.#signalled.then(() => this.script(SIGNAL, program, name));
  }

  #exec(...flags: readonly string[]): string[] {
    return ['--namespace', this.#namespace, 'exec', ...flags, NAME, '--'];
  }

  #in(...args: readonly string[]): Promise<string> {
    return this.#kubectl.works('--namespace', this.#namespace, ...args);
  }
}

function objectsIn(namespace: string, image: string): object[] {
  const labels = { 'app.kubernetes.io/name': NAME };
  const metadata = { name: NAME, namespace, labels };
  const container = {
    name: NAME,
    image,
    command: [NODE, '-e', WAITS],
    volumeMounts: [{ name: NAME, mountPath: FOLDER }],
    // Receivers listen at port 25.
    securityContext: { runAsUser: 0, runAsNonRoot: false, capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] } },
  };
  const port = { port: 53, targetPort: DNS_PORT };
  const ports = [
    { name: 'udp', protocol: 'UDP', ...port },
    { name: 'tcp', protocol: 'TCP', ...port },
  ];
  const spec = {
    containers: [container],
    volumes: [{ name: NAME, emptyDir: {} }],
    automountServiceAccountToken: false,
  };
  return [
    { apiVersion: 'v1', kind: 'Pod', metadata, spec },
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { selector: labels, ports } },
  ];
}
