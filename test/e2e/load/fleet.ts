/**
 * What is done to a cluster that carries mail: its containers are killed, its pods evicted, its stores stopped, its API server ended.
 *
 * Promises: each resolves when what was struck is whole again, and throws when that takes minutes.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { CHART } from '../../harness/helm.ts';
import type { Stage } from '../../harness/stage.ts';
import { until } from '../../harness/until.ts';
import type { Ground, Places } from '../ground.ts';

export interface Workload {
  readonly place: keyof Places;
  /** Of its pods. */
  readonly labels: string;
  /** Kind and name. */
  readonly object: string;
}

const ours = (component: string): Workload => ({
  place: 'mail',
  labels: `app.kubernetes.io/component=${component}`,
  object: `deployment/main-${component}`,
});
export const INGRESS = ours('ingress');
export const WORKER = ours('worker');
export const NATS: Workload = { place: 'mail', labels: 'app.kubernetes.io/name=nats', object: 'statefulset/nats' };
export const VALKEY: Workload = {
  place: 'mail',
  labels: 'app.kubernetes.io/name=valkey',
  object: 'deployment/valkey',
};
export const OPERATOR: Workload = {
  place: 'operator',
  labels: 'app.kubernetes.io/component=operator',
  object: 'deployment/postfleet-operator',
};

/** A busy machine is no failure. */
const WHOLE_WITHIN = 300_000;
/** Each look is a kubectl, which costs as much as ten messages. */
const EVERY = 500;

interface Pod {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly nodeName: string };
  readonly status: {
    readonly containerStatuses?: readonly { readonly containerID?: string; readonly restartCount: number }[];
  };
}

export class Fleet {
  readonly #stage: Stage;
  readonly #ground: Ground;

  constructor(stage: Stage, ground: Ground) {
    this.#stage = stage;
    this.#ground = ground;
  }

  /** SIGKILL to a container of it, in turn, and `killed` right after. */
  async kill(what: Workload, turn: number, killed: () => void): Promise<void> {
    const pods = await this.#pods(what);
    const struck = pods[turn % pods.length];
    const [container] = struck?.status.containerStatuses ?? [];
    if (!struck || container?.containerID === undefined) throw new Error(`no container of ${what.object} runs`);
    await this.#ground.kill({ id: container.containerID, node: struck.spec.nodeName });
    killed();
    const isAnother = async (): Promise<boolean> => {
      const pod = (await this.#pods(what)).find(({ metadata }) => metadata.name === struck.metadata.name);
      return pod?.status.containerStatuses?.[0]?.restartCount !== container.restartCount;
    };
    await until(`a container of ${what.object} is started again`, isAnother, WHOLE_WITHIN, EVERY);
    await this.whole(what);
  }

  /** All of them are stopped, in order, and started when none is left. */
  async stopAndStart(all: readonly Workload[], stopped: () => void): Promise<void> {
    const counts = await Promise.all(all.map((it) => this.#replicas(it)));
    await Promise.all(all.map((it) => this.#scale(it, 0)));
    stopped();
    await Promise.all(all.map((it) => this.#none(it)));
    await Promise.all(all.map((it, at) => this.#scale(it, counts[at] ?? 0)));
    await Promise.all(all.map((it) => this.whole(it)));
  }

  /** As people scale workers: the `MTACluster`. */
  async scaleWorkers(replicas: number): Promise<void> {
    await this.mail('scale', 'mtacluster/main', `--replicas=${replicas}`);
    const isSeen = async (): Promise<boolean> => (await this.#replicas(WORKER)) === replicas;
    await until('the operator has scaled them', isSeen, WHOLE_WITHIN, EVERY);
    await this.whole(WORKER);
    const isLeft = async (): Promise<boolean> => (await this.#pods(WORKER)).length === replicas;
    await until('those that go are gone', isLeft, WHOLE_WITHIN, EVERY);
  }

  /** Every pod of it, by the Eviction API, as `kubectl drain` does: all at once, each again until its budget lets it go. */
  async evict(what: Workload): Promise<void> {
    const pods = (await this.#pods(what)).map(({ metadata }) => metadata.name);
    await Promise.all(pods.map((it) => until(`${it} is evicted`, () => this.#evicted(what, it), WHOLE_WITHIN, EVERY)));
    const areOthers = async (): Promise<boolean> =>
      (await this.#pods(what)).every(({ metadata }) => !pods.includes(metadata.name));
    await until('others are in their place', areOthers, WHOLE_WITHIN, EVERY);
    await this.whole(what);
  }

  async withoutApiServer(milliseconds: number): Promise<void> {
    const { apiServer } = this.#ground;
    if (!apiServer) throw new Error('the API server is not ours');
    await apiServer.kill();
    await pause(milliseconds);
    await apiServer.start(WHOLE_WITHIN);
    for (const it of [OPERATOR, INGRESS, WORKER]) await this.whole(it);
  }

  /** The operator by Helm, and by it all pods. */
  async upgrade(): Promise<void> {
    const { helm, images, places } = this.#ground;
    const set = ['--reuse-values', '--set', `image.tag=${images.next}`];
    await helm.works('upgrade', 'postfleet', CHART, '--namespace', places.operator, ...set);
    await this.whole(OPERATOR);
    for (const it of [INGRESS, WORKER]) {
      const path = 'jsonpath={.spec.template.spec.containers[0].image}';
      const image = (): Promise<string> => this.mail('get', it.object, '--output', path);
      await until(
        `${it.object} has the image`,
        async () => (await image()) === `${images.repository}:${images.next}`,
        WHOLE_WITHIN,
        EVERY,
      );
    }
    for (const it of [INGRESS, WORKER]) await this.whole(it);
  }

  /** Every pod of it is there, as it should be, and ready. */
  async whole({ place, object }: Workload): Promise<void> {
    const limit = `--timeout=${WHOLE_WITHIN / 1000}s`;
    await this.#in(place, 'rollout', 'status', object, limit);
  }

  mail(...args: readonly string[]): Promise<string> {
    return this.#in('mail', ...args);
  }

  #in(place: keyof Places, ...args: readonly string[]): Promise<string> {
    const { kubectl, places } = this.#ground;
    return kubectl.works('--namespace', places[place], ...args);
  }

  async #pods({ place, labels }: Workload): Promise<readonly Pod[]> {
    const what = ['get', 'pods', '--selector', labels, '--output', 'json'];
    const { items } = JSON.parse(await this.#in(place, ...what)) as { items: Pod[] };
    return items;
  }

  async #none(what: Workload): Promise<void> {
    await until(`${what.object} is stopped`, async () => (await this.#pods(what)).length === 0, WHOLE_WITHIN, EVERY);
  }

  async #replicas({ place, object }: Workload): Promise<number> {
    return Number(await this.#in(place, 'get', object, '--output', 'jsonpath={.spec.replicas}'));
  }

  async #scale({ place, object }: Workload, replicas: number): Promise<void> {
    await this.#in(place, 'scale', object, `--replicas=${replicas}`);
  }

  /** False while a budget does not let it go. */
  async #evicted({ place }: Workload, name: string): Promise<boolean> {
    const { kubectl, places } = this.#ground;
    const namespace = places[place];
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } };
    const file = join(this.#stage.folder('eviction'), 'eviction.json');
    writeFileSync(file, JSON.stringify(eviction));
    const path = `/api/v1/namespaces/${namespace}/pods/${name}/eviction`;
    const { code, stderr } = await kubectl.run('create', '--raw', path, '--filename', file);
    if (code !== 0 && !/TooManyRequests|disruption budget/.test(stderr)) throw new Error(stderr);
    return code === 0;
  }
}
