/**
 * A target and a source → a session that is greeted, and encrypted if it can be; or why not.
 *
 * Promises: never rejects; never connects to an address that `mayConnect` refuses; `Required` means a certificate valid
 * for the host or nothing; `Opportunistic` takes what TLS there is and, when TLS breaks, a fresh connection in clear
 * (RFC 7435), but not when bytes were slipped in before the handshake.
 * Left to others: other targets (`dial.ts`), remembering whose TLS is broken.
 */
import type { Socket } from 'node:net';
import type { OpeningStep } from '../mail/attempt.ts';
import { reply } from '../mail/reply.ts';
import type { Capabilities } from './capabilities.ts';
import { awaitBanner, hello, isSetback, type Setback } from './greet.ts';
import type { Lacks } from './lacks.ts';
import { measured } from './measured.ts';
import { open, type OpenSetup } from './open.ts';
import { openThrough, type Proxy } from './proxied.ts';
import { type Session, SmtpSession } from './session.ts';
import { hostAndPort, mayConnect, type Target, targetText } from './target.ts';
import { askForTls, type ClientContext, shakeHands, tlsBroken, tlsFacts, type TlsVersion } from './tls.ts';
import { Wire } from './wire.ts';

export type TlsMode = 'None' | 'Opportunistic' | 'Required';

export interface Source {
  /** Address to leave from, of this machine or of the proxy's; `''` for any of this machine's. */
  readonly address: string;
  readonly ehloName: string;
  /** Where the address is, if it is not here. */
  readonly proxy?: Proxy | undefined;
}

/** How to connect, whatever the target. */
export interface Approach {
  readonly source: Source;
  readonly tls: TlsMode;
  /** An older one counts as broken TLS. */
  readonly tlsMinVersion: TlsVersion;
  /** Private networks that may be connected to, in CIDR form. */
  readonly allowPrivate: readonly string[];
  /** Where what each step takes is noted. */
  readonly steps?: OpeningStep[] | undefined;
}

/** What every connection of a process shares. */
export interface ConnectSetup extends OpenSetup {
  /** `clientContext()`, made once. */
  readonly context: ClientContext;
  readonly lacks: Lacks;
}

export type ConnectFailure = Setback & { readonly target: Target };

/** A session, or why there is none; told apart by `isConnectFailure`. */
export type Connection = Session | ConnectFailure;

export const isConnectFailure = (it: Connection): it is ConnectFailure => isSetback(it);

export async function connect(target: Target, approach: Approach, setup: ConnectSetup): Promise<Connection> {
  if (!mayConnect(target, approach.allowPrivate))
    return {
      target,
      stage: 'connect',
      reply: reply(550, '5.4.4', `${target.address} is a private address`),
      own: true,
    };
  const first = await attempt(target, approach, setup);
  if (!isSetback(first)) return first;
  if (approach.tls !== 'Opportunistic' || !first.isTlsBroken) return { ...first, target };
  const inClear = await attempt(target, { ...approach, tls: 'None' }, setup, first.reply.text);
  return isSetback(inClear) ? { ...inClear, target } : inClear;
}

/** `tlsProblem`: why TLS is not tried this time. */
async function attempt(
  target: Target,
  approach: Approach,
  setup: ConnectSetup,
  tlsProblem?: string,
): Promise<Session | Setback> {
  const { timeouts } = setup;
  const measuring = { clock: setup.clock, steps: approach.steps };
  const socket = await measured('connect', measuring, () => leaveFrom(approach.source, target, setup));
  if (isSetback(socket)) return socket;
  const wire = new Wire(socket, setup.clock);
  const greeted = await measured('greet', measuring, () => greet(wire, approach, setup));
  if (isSetback(greeted)) return leave(wire, greeted, setup);
  if (approach.tls === 'None') return session(wire, socket, target, approach, greeted, setup, tlsProblem);
  const asked = greeted.startTls ? await askForTls(wire, timeouts) : 'declined';
  if (asked === 'granted') return measured('tls', measuring, () => encrypt(wire.release(), target, approach, setup));
  if (asked !== 'declined') return leave(wire, asked, setup);
  if (approach.tls === 'Required') return leave(wire, NO_TLS, setup);
  return session(
    wire,
    socket,
    target,
    approach,
    greeted,
    setup,
    greeted.startTls ? 'STARTTLS was declined' : undefined,
  );
}

const leaveFrom = ({ address, proxy }: Source, target: Target, setup: ConnectSetup): Promise<Socket | Setback> =>
  proxy ? openThrough(proxy, target, address, setup) : open(target, address, setup);

const NO_TLS: Setback = {
  stage: 'tls',
  reply: reply(451, '4.7.4', 'TLS is required and the receiver does not offer it'),
  own: true,
};

async function greet(wire: Wire, approach: Approach, setup: ConnectSetup): Promise<Capabilities | Setback> {
  const refused = await awaitBanner(wire, setup.timeouts);
  return refused ?? hello(wire, approach.source.ehloName, setup.timeouts);
}

/**
 * The handshake, and EHLO anew: nothing said in clear is kept (RFC 3207 §4.2). With TLS 1.3 a peer that rejects us says
 * so after our side is done, so a connection lost before that EHLO is answered counts as TLS broken.
 */
async function encrypt(
  plain: Socket,
  target: Target,
  approach: Approach,
  setup: ConnectSetup,
): Promise<Session | Setback> {
  const handshake = {
    host: target.host,
    verify: approach.tls === 'Required',
    minVersion: approach.tlsMinVersion,
    context: setup.context,
  };
  const secure = await shakeHands(plain, handshake, setup.clock, setup.timeouts);
  if (isSetback(secure)) return secure;
  const wire = new Wire(secure, setup.clock);
  const greeted = await hello(wire, approach.source.ehloName, setup.timeouts);
  if (!isSetback(greeted)) return session(wire, secure, target, approach, greeted, setup);
  return leave(wire, greeted.own ? tlsBroken(greeted.reply.text) : greeted, setup);
}

function session(
  wire: Wire,
  socket: Socket,
  target: Target,
  { source }: Approach,
  capabilities: Capabilities,
  setup: ConnectSetup,
  tlsProblem?: string,
): Session {
  const host = targetText(target);
  if (!capabilities.smtpUtf8) setup.lacks.learn(hostAndPort(target), 'SMTPUTF8');
  const facts = {
    host,
    source: source.proxy ? source.address : (socket.localAddress ?? ''),
    ...tlsFacts(socket),
    ...(tlsProblem !== undefined && { tlsProblem }),
    capabilities: usable(capabilities, host, setup.lacks),
  };
  return new SmtpSession(wire, facts, setup);
}

/** What is offered and works. */
const usable = (offered: Capabilities, host: string, lacks: Lacks): Capabilities =>
  offered.chunking && lacks.has(host, 'CHUNKING') ? { ...offered, chunking: false } : offered;

/** Says goodbye without making anybody wait for it. */
function leave(wire: Wire, why: Setback, setup: ConnectSetup): Setback {
  void wire.quit(setup.timeouts.quit);
  return why;
}
