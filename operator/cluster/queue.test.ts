import { expect, test } from 'vitest';
import type { KubeObject } from '#lib/kube/kube.ts';
import { QUEUE_REPORT, type QueueWord, queueText } from '#lib/nats/report.ts';
import { queueFinding, queueTold } from './queue.ts';

const fsync = (shards?: number): QueueWord => ({
  durability: 'Fsync',
  doubt: '',
  ...(shards !== undefined && { shards }),
});
const weaker: QueueWord = { durability: 'Weaker', doubt: 'n1 answers before it has synced', shards: 4 };
const unknown: QueueWord = { durability: 'Unknown', doubt: 'nobody knows how n1 is set', shards: 4 };
const SILENT = 'silent';

function told(...words: readonly (QueueWord | typeof SILENT)[]) {
  const object = (name: string, labels: object, annotations: object): KubeObject =>
    ({ apiVersion: 'v1', kind: '', metadata: { name, labels, annotations } }) as unknown as KubeObject;
  const labels = (at: number) => ({
    'app.kubernetes.io/instance': 'main',
    'app.kubernetes.io/component': at === 0 ? 'ingress' : 'worker',
  });
  const pods = words.map((_, at) => object(`pod-${at}`, labels(at), {}));
  const leases = words.flatMap((it, at) =>
    it === SILENT ? [] : [object(`pod-${at}`, {}, { [QUEUE_REPORT]: queueText(it) })],
  );
  return queueTold({ pods, leases }, 'main', 16);
}

test.each<[sentence: string, words: (QueueWord | typeof SILENT)[], condition: string, message: RegExp, shards: number]>(
  [
    ['there is no pod', [], 'Unknown NoPods', /no pod/, 0],
    ['all are sure', [fsync(), fsync(9), fsync(7)], 'True Fsync', /^$/, 16],
    ['one knows of a server that syncs later', [fsync(), weaker, fsync(12)], 'False Weaker', /n1 answers before/, 16],
    ['one does not know, one knows', [fsync(), unknown, weaker], 'False Weaker', /n1 answers before/, 8],
    ['one does not know', [fsync(), unknown, fsync(12)], 'Unknown Unknown', /nobody knows/, 16],
    ['one has not told', [fsync(), SILENT, fsync(8)], 'Unknown Unknown', /^2 of 3 pods/, 8],
    ['none has told', [SILENT], 'Unknown Unknown', /^0 of 1 pods/, 0],
    ['two say of one shard that it is theirs', [fsync(), fsync(16), fsync(1)], 'True Fsync', /^$/, 16],
  ],
)('when %s, the queue is said to be so', (_, words, condition, message, shards) => {
  const found = told(...words);
  const { status, reason, message: said } = queueFinding(found);
  expect([`${status} ${reason}`, found.ownedShards]).toEqual([condition, shards]);
  expect(said).toMatch(message);
});
