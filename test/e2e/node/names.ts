/**
 * CoreDNS beside the node: names of the cluster, and zones that a test writes, which it reads anew within a second.
 */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Stage } from '../../harness/stage.ts';
import { programFile } from '../../setup/control-plane.ts';
import type { ZoneLine } from '../ground.ts';
import { fileName, reloading, ROOT, zoneText } from '../zone-text.ts';
import { addAddress, DNS_ADDRESS, folderOfRun, NODE_ADDRESS, POD_NETWORK, SERVICE_NETWORK } from './machine.ts';

/** Of the name server of all zones: public, or nobody would ask it. Nothing leaves the node's network. */
export const AUTHORITY = '11.0.0.53';

export class Names {
  readonly #folder: string;
  #serial = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static start(stage: Stage, kubeconfig: string, zones: readonly string[]): Names {
    const folder = join(folderOfRun(), 'names');
    mkdirSync(folder);
    addAddress(AUTHORITY);
    const names = new Names(folder);
    // The root knows of no other name, and says so.
    for (const zone of [...zones, ROOT]) names.write(zone, []);
    writeFileSync(join(folder, 'Corefile'), corefile(names, kubeconfig, [...zones, ROOT]));
    stage.start('coredns', programFile('coredns'), ['-conf', join(folder, 'Corefile')]);
    return names;
  }

  /** The whole of a zone beside what every zone has. */
  write(zone: string, lines: readonly ZoneLine[]): void {
    const file = this.fileOf(zone);
    writeFileSync(`${file}.new`, zoneText({ zone, lines, serial: (this.#serial += 1), server: AUTHORITY }));
    renameSync(`${file}.new`, file);
  }

  fileOf(zone: string): string {
    return join(this.#folder, fileName(zone));
  }
}

const corefile = (names: Names, kubeconfig: string, zones: readonly string[]): string => `.:53 {
  bind ${NODE_ADDRESS} ${AUTHORITY}
  errors
  kubernetes cluster.local ${SERVICE_NETWORK} ${POD_NETWORK} {
    kubeconfig ${kubeconfig} test
  }
${zones.map((it) => reloading(names.fileOf(it), it)).join('')}}
`;

/** The address that pods are told, and that leads to it. */
export const DNS_OBJECTS = [
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'kube-dns', namespace: 'kube-system' },
    spec: {
      clusterIP: DNS_ADDRESS,
      ports: [
        { name: 'dns', port: 53, protocol: 'UDP' },
        { name: 'dns-tcp', port: 53, protocol: 'TCP' },
      ],
    },
  },
  {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'kube-dns-1', namespace: 'kube-system', labels: { 'kubernetes.io/service-name': 'kube-dns' } },
    addressType: 'IPv4',
    ports: [
      { name: 'dns', port: 53, protocol: 'UDP' },
      { name: 'dns-tcp', port: 53, protocol: 'TCP' },
    ],
    endpoints: [{ addresses: [NODE_ADDRESS], conditions: { ready: true } }],
  },
];
