/**
 * Ports that nobody listens on now, below those the system gives to outgoing connections.
 */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Past 10080, the last port that `fetch` refuses (Fetch standard, bad ports). */
const FIRST = 10_081;
const LAST = 30_000;

/** What was handed out may not be listened on yet. */
const handedOut = new Set<number>();

/** Different from one another, and from all that were asked for before. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = randomInt(FIRST, LAST);
    if (handedOut.has(port)) continue;
    handedOut.add(port);
    if (await isFree(port)) ports.push(port);
  }
  return ports;
}

export async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
