/**
 * The ground that is a node of this machine's own, with addresses to send from and to receive at.
 */
import { Resolver } from 'node:dns/promises';
import { Helm } from '../../harness/helm.ts';
import { Mailbench } from '../../harness/mailbench.ts';
import type { Stage } from '../../harness/stage.ts';
import { poolOf } from '../declared.ts';
import { HOLDS_ADDRESSES } from '../egress.ts';
import type { Ground } from '../ground.ts';
import { MailSite } from '../mail-site.ts';
import { IMAGES } from '../run/images.ts';
import { disks } from './disks.ts';
import { addAddress } from './machine.ts';
import { AUTHORITY } from './names.ts';
import { NAME, type Node } from './node.ts';

/** Where mail leaves from. */
const SENDER = '192.0.2.1';
const SECOND = '192.0.2.2';
export const SENDERS = [SENDER, SECOND];
/** Of who receives: public, so that nothing has to be allowed. */
export const RECEIVER = '11.0.0.25';
/** Of who counts. */
const SINK = '11.0.0.26';

export const ZONES = ['example.com', 'test', '2.0.192.in-addr.arpa'];
/** Of the zone `example.com`. */
export const OWN_LINES = [
  `mta1.example.com. A ${SENDER}`,
  `mta2.example.com. A ${SECOND}`,
  `mx.example.com. A ${SENDER}`,
];

export async function ownGround(stage: Stage, node: Node): Promise<Ground> {
  for (const address of [...SENDERS, RECEIVER, SINK]) addAddress(address);
  const receivers = ['demo MX 10 mx', `mx A ${RECEIVER}`, '*.load MX 10 sink', `sink A ${SINK}`];
  node.names.write('test', receivers);
  node.names.write('2.0.192.in-addr.arpa', ['1 PTR mta1.example.com.', '2 PTR mta2.example.com.']);
  await node.kubectl.works('label', 'node', NAME, `${HOLDS_ADDRESSES}=true`);
  await node.kubectl.apply(...disks(3));
  const authority = new Resolver({ timeout: 2000, tries: 3 });
  authority.setServers([AUTHORITY]);
  const ground: Ground = {
    kubectl: node.kubectl,
    helm: new Helm(stage, 3, node.plane),
    places: { operator: 'postfleet', egress: 'postfleet-egress', mail: 'mail' },
    images: IMAGES,
    values: {},
    pool: poolOf({ address: SENDER, ehloName: 'mta1.example.com' }, { address: SECOND, ehloName: 'mta2.example.com' }),
    cluster: {},
    bench: { start: (load) => Mailbench.start(stage, load), sink: `${SINK}:25`, dns: `${AUTHORITY}:53` },
    receivers,
    write: async (zone, lines) => node.names.write(zone, lines),
    texts: async (name) => (await authority.resolveTxt(name)).map((strings) => strings.join('')),
    reach: async (port) => ({ host: await new MailSite(ground).ingressAddress(), port }),
    kill: async ({ id }) => node.containers.kill(id),
    apiServer: {
      kill: () => node.plane.killApiServer(),
      start: (within) => node.plane.startApiServer(within),
    },
  };
  return ground;
}
