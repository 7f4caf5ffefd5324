/**
 * The opening of a session: the banner, EHLO or HELO, and what is wrong when there is none.
 *
 * Left to others: sockets (`connect.ts`), TLS (`tls.ts`), what a refusal means for the mail (`settle/`).
 */
import { isPositive, type Reply } from '../mail/reply.ts';
import { type Breach, breachReply, isBreach } from './breach.ts';
import { type Capabilities, noCapabilities, parseCapabilities } from './capabilities.ts';
import type { Timeouts } from './timeouts.ts';
import type { Wire } from './wire.ts';

/** `bind` is the fault of the source, never of the mail or the peer. */
export type ConnectStage = 'bind' | 'connect' | 'banner' | 'ehlo' | 'tls';

/** Why there is no session. */
export interface Setback {
  readonly stage: ConnectStage;
  readonly reply: Reply;
  /** We say so, not the peer. */
  readonly own: boolean;
  /** TLS failed as such: the same target may work in clear. */
  readonly isTlsBroken?: true;
}

export const isSetback = (it: Setback | object): it is Setback => 'own' in it;

/** What went wrong at `stage`, in the peer's words if it has said anything. */
export function setback(stage: ConnectStage, said: Reply | Breach): Setback {
  return isBreach(said) ? { stage, reply: breachReply(said), own: true } : { stage, reply: said, own: false };
}

/** Waits for the 220 of a new connection. */
export async function awaitBanner(wire: Wire, timeouts: Timeouts): Promise<Setback | undefined> {
  const banner = await wire.exchange('', timeouts.banner);
  return !isBreach(banner) && banner.code === 220 ? undefined : setback('banner', asRefusal(banner));
}

/** EHLO, and HELO when the peer refuses EHLO for good. */
export async function hello(wire: Wire, name: string, timeouts: Timeouts): Promise<Capabilities | Setback> {
  const ehlo = await wire.exchange(`EHLO ${name}`, timeouts.ehlo);
  if (isBreach(ehlo)) return setback('ehlo', ehlo);
  if (isPositive(ehlo)) return parseCapabilities(ehlo.text);
  if (ehlo.code < 500) return setback('ehlo', asRefusal(ehlo));
  const helo = await wire.exchange(`HELO ${name}`, timeouts.ehlo);
  return !isBreach(helo) && isPositive(helo) ? noCapabilities : setback('ehlo', asRefusal(helo));
}

/** A 2xx or 3xx that is not the one to go on with must not reach anybody as the answer to a mail. */
function asRefusal(said: Reply | Breach): Reply | Breach {
  if (isBreach(said) || said.code >= 400) return said;
  return { kind: 'protocol', reason: `the receiver opened with ${said.code}` };
}
