/**
 * containerd on files of its own: no registry, images come from tars.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Program } from '../../harness/program.ts';
import type { Stage } from '../../harness/stage.ts';
import { until } from '../../harness/until.ts';
import { PAUSE_IMAGE } from '../run/images.ts';
import { BRIDGE, folderOfRun, POD_NETWORK } from './machine.ts';

const CNI = '/usr/lib/cni';

export class Containers {
  readonly socket: string;

  private constructor(socket: string) {
    this.socket = socket;
  }

  static async start(stage: Stage): Promise<Containers> {
    const folder = join(folderOfRun(), 'containerd');
    mkdirSync(join(folder, 'cni'), { recursive: true });
    writeFileSync(join(folder, 'cni/10-node.conflist'), JSON.stringify(network(folder)));
    writeFileSync(join(folder, 'config.toml'), configuration(folder));
    const program = stage.start('containerd', 'containerd', ['--config', join(folder, 'config.toml')]);
    const containers = new Containers(join(folder, 'containerd.sock'));
    await until('containerd answers', () => containers.#answers(program), 60_000);
    return containers;
  }

  /** Images of a tar are there, by the names that it says. */
  load(tar: string): void {
    this.ctr('images', 'import', tar);
  }

  /** SIGKILL to the first process of a container, as the API names it: `containerd://ID`. */
  kill(container: string): void {
    const id = container.replace('containerd://', '');
    const pid = new RegExp(`^${id} +(\\d+) `, 'm').exec(this.ctr('tasks', 'list'))?.[1];
    if (pid === undefined) throw new Error(`no container ${container} runs`);
    process.kill(Number(pid), 'SIGKILL');
  }

  ctr(...args: readonly string[]): string {
    const command = ['--address', this.socket, '--namespace', 'k8s.io', ...args];
    return execFileSync('ctr', command, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }

  #answers({ exit, stderr }: Program): boolean {
    if (exit) throw new Error(`containerd ended, saying:\n${stderr.slice(-2000)}`);
    try {
      this.ctr('version');
      return true;
    } catch {
      return false;
    }
  }
}

const configuration = (folder: string): string => `version = 2
root = "${folder}/root"
state = "${folder}/state"
[grpc]
  address = "${folder}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  # Where root may not take memory from others, a container that asks for it cannot start.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${CNI}"
    conf_dir = "${folder}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
`;

const network = (folder: string): object => ({
  cniVersion: '0.4.0',
  name: 'pods',
  plugins: [
    {
      type: 'bridge',
      bridge: BRIDGE,
      isGateway: true,
      hairpinMode: true,
      ipam: {
        type: 'host-local',
        dataDir: join(folder, 'addresses'),
        ranges: [[{ subnet: POD_NETWORK }]],
        routes: [{ dst: '0.0.0.0/0' }],
      },
    },
    { type: 'portmap', capabilities: { portMappings: true } },
  ],
});
