/**
 * What a NATS server says of itself on its monitoring port (`/varz`).
 */
import { type Clock, type Duration, seconds } from '../run/clock.ts';
import { Fault, reasonOf } from '../run/fault.ts';

export interface ServerSeen {
  readonly name: string;
  readonly version: string;
  /** An append is synced before it is answered. */
  readonly syncsAlways: boolean;
}

interface Varz {
  readonly server_name?: string;
  readonly version?: string;
  readonly jetstream?: { readonly config?: { readonly sync_always?: boolean } };
}

const ANSWER_WITHIN: Duration = seconds(5);

/** `monitor`: `http://host:8222`. Fault `nats-away` when it does not answer, or answers something else. */
export async function lookAtServer(monitor: string, clock: Clock): Promise<ServerSeen> {
  const end = new AbortController();
  const timer = clock.after(ANSWER_WITHIN, () => end.abort());
  try {
    const answer = await fetch(new URL('/varz', monitor), { signal: end.signal });
    const { server_name: name = '', version = '', jetstream } = (await answer.json()) as Varz;
    return { name, version, syncsAlways: jetstream?.config?.sync_always === true };
  } catch (cause) {
    throw new Fault('nats-away', `${monitor} does not say how its server is set: ${reasonOf(cause)}`, { cause });
  } finally {
    timer.cancel();
  }
}
