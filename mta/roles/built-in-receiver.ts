/**
 * The receiver that one machine may have for trying things out, where an annotation of the `MTACluster` asks for it.
 */
import { join } from 'node:path';
import { parseAddress } from '#lib/http/address.ts';
import { seconds } from '#lib/run/clock.ts';
import type { Ground } from './ground.ts';
import { startReceiver } from './receiver.ts';

/** On the `MTACluster`: where it listens. */
const RECEIVER = 'postfleet.io/receiver';

/** The folder of what it takes, if it is asked for. `show` is told of each message. */
export async function openBuiltInReceiver(
  { cluster, data, hostname, keyring, clock, random, own }: Ground,
  show: (line: string) => void,
  opened: AsyncDisposableStack,
): Promise<string | undefined> {
  const where = cluster().metadata.annotations[RECEIVER];
  if (where === undefined) return undefined;
  const folder = join(data, 'received');
  const options = {
    address: parseAddress(`annotation ${RECEIVER}`, where),
    hostname,
    folder,
    keyring,
    clock,
    random,
    secureContext: () => own.context,
    show,
  };
  opened.adopt(await startReceiver(options), (it) => it.close(seconds(1)));
  return folder;
}
