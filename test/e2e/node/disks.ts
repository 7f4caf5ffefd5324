/**
 * Disks of the node, for whoever claims one.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DISKS } from './machine.ts';
import { NAME as NODE_NAME } from './node.ts';

/**
 * They are memory, which counts as that of whoever writes: processes are killed here, never the power, and
 * three servers that sync each on the one disk of this machine would be measured by what others do on it.
 */
export const disks = (count: number): object[] =>
  Array.from({ length: count }, (_, at) => {
    const path = join(DISKS, `disk-${at}`);
    mkdirSync(path);
    const here = { key: 'kubernetes.io/hostname', operator: 'In', values: [NODE_NAME] };
    return {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: `disk-${at}` },
      spec: {
        accessModes: ['ReadWriteOnce'],
        capacity: { storage: '20Gi' },
        local: { path },
        nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [here] }] } },
      },
    };
  });
