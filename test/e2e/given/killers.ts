/**
 * Pods that may kill what runs on their nodes: from within its own pod nobody can kill a container's first process.
 */
import type { Container } from '../ground.ts';
import type { Kubectl } from '../kubectl.ts';

const NODE = '/usr/bin/node';
/** The process of a control group with this name that is the first of its own processes. */
const KILL = `const fs = require('fs'); const [, id] = process.argv;
const read = (pid, file) => { try { return fs.readFileSync('/proc/' + pid + '/' + file, 'utf8'); } catch { return ''; } };
const isFirst = (pid) => /^NSpid:.*\\s1$/m.test(read(pid, 'status')) && read(pid, 'cgroup').includes(id);
const found = fs.readdirSync('/proc').filter((it) => /^\\d+$/.test(it)).find(isFirst);
if (found === undefined) throw new Error('no process of ' + id); process.kill(Number(found), 'SIGKILL')`;

export class Killers {
  readonly #kubectl: Kubectl;
  readonly #namespace: string;
  readonly #image: string;
  readonly #nodes = new Map<string, string>();

  /** In a namespace whose pods may see processes of their nodes. */
  constructor(kubectl: Kubectl, namespace: string, image: string) {
    this.#kubectl = kubectl;
    this.#namespace = namespace;
    this.#image = image;
  }

  /** One on each of these nodes: none has to be started when somebody is to be killed. */
  async start(nodes: readonly string[]): Promise<void> {
    for (const [at, node] of nodes.entries()) this.#nodes.set(node, `killer-${at}`);
    await this.#kubectl.apply(...[...this.#nodes].map(([node, name]) => this.#pod(name, node)));
    const all = [...this.#nodes.values()].map((it) => `pod/${it}`);
    await this.#in('wait', '--for=condition=Ready', ...all, '--timeout=180s');
  }

  async kill({ id, node }: Container): Promise<void> {
    const name = this.#nodes.get(node);
    if (name === undefined) throw new Error(`nobody can kill on ${node}`);
    await this.#in('exec', name, '--', NODE, '-e', KILL, id.replace(/^.*:\/\//, ''));
  }

  #pod(name: string, nodeName: string): object {
    const securityContext = { runAsUser: 0, runAsNonRoot: false, privileged: true };
    const command = [NODE, '-e', 'setInterval(() => {}, 1e9)'];
    const container = { name: 'killer', image: this.#image, command, securityContext };
    const spec = { nodeName, hostPID: true, automountServiceAccountToken: false, containers: [container] };
    return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: this.#namespace }, spec };
  }

  #in(...args: readonly string[]): Promise<string> {
    return this.#kubectl.works('--namespace', this.#namespace, ...args);
  }
}
