/**
 * A connection to a target through a SOCKS5 proxy on the machine that holds the source address, or whose fault it is that there is none.
 *
 * On one connection BIND(source, port 0) and then CONNECT(target), as KumoProxy takes it. Promises: never rejects; what is wrong
 * with the proxy (away, another login or certificate, does not have the address) is a fault of the source (`bind`), what the
 * receiver did is told as if we had connected ourselves; nothing leaves from another address than was asked for; what the
 * receiver has said already is still to be read from the socket. Names are not told to proxies: `target` has an address.
 * Left to others: whether the target may be connected to at all (`connect.ts`), where the proxy is (`mta/declared/proxies.ts`).
 */
import type { Socket } from 'node:net';
import type { Duration } from '#lib/run/clock.ts';
import {
  COMMANDS,
  greeting,
  type Login,
  login,
  METHODS,
  readLoginVerdict,
  readMethod,
  readReply,
  REPLIES,
  type Reply,
  request,
} from '#lib/socks/wire.ts';
import { reply } from '../mail/reply.ts';
import { isSetback, type Setback } from './greet.ts';
import { notConnected, open, type OpenSetup } from './open.ts';
import { ask, type Unanswered } from './ask.ts';
import { type Target, targetText } from './target.ts';
import { type ClientContext, shakeHands } from './tls.ts';

/** How a proxy is reached now. */
export interface ProxyAccess {
  readonly host: string;
  readonly port: number;
  readonly login?: Login | undefined;
  /** With it the proxy is spoken to under TLS, and has to prove its name. */
  readonly context?: ClientContext | undefined;
  /** The name it has to prove, when that is not where it is. */
  readonly provenName?: string;
}

export interface Proxy {
  /** For people. */
  readonly name: string;
  /** Asked at each connection, so that logins can change. Does not reject. */
  access(): Promise<ProxyAccess | { readonly problem: string }>;
}

/** `source` is the address at the proxy to leave from. */
export async function openThrough(
  proxy: Proxy,
  target: Target,
  source: string,
  setup: OpenSetup,
): Promise<Socket | Setback> {
  const access = await proxy.access();
  if ('problem' in access) return faultOf(proxy, access.problem);
  const socket = await reach(proxy, access, setup);
  if (isSetback(socket)) return socket;
  const refused =
    (await introduce(socket, proxy, access, setup)) ??
    (await bindAt(socket, proxy, source, setup)) ??
    (await connectFrom(socket, proxy, source, target, setup));
  if (!refused) return socket;
  socket.on('error', () => undefined);
  socket.destroy();
  return refused;
}

/** A fault of the source, whatever the mail and wherever it goes. */
const faultOf = ({ name }: Proxy, what: string): Setback => ({
  stage: 'bind',
  reply: reply(451, '4.3.0', `the egress proxy ${name} ${what}`),
  own: true,
});

async function reach(proxy: Proxy, access: ProxyAccess, setup: OpenSetup): Promise<Socket | Setback> {
  const { host, port, context, provenName = host } = access;
  const timeouts = { ...setup.timeouts, connect: setup.timeouts.proxy };
  const plain = await open({ host, address: host, port }, '', { ...setup, timeouts });
  if (isSetback(plain)) return faultOf(proxy, `cannot be reached: ${plain.reply.text}`);
  if (!context) return plain;
  const handshake = { host: provenName, verify: true, minVersion: 'TLSv1.2', context } as const;
  const secure = await shakeHands(plain, handshake, setup.clock, setup.timeouts);
  return isSetback(secure) ? faultOf(proxy, `cannot be trusted: ${secure.reply.text}`) : secure;
}

async function introduce(
  socket: Socket,
  proxy: Proxy,
  access: ProxyAccess,
  { clock, timeouts: { proxy: limit } }: OpenSetup,
): Promise<Setback | undefined> {
  const wanted = access.login ? METHODS.login : METHODS.none;
  const chosen = await ask(socket, greeting([wanted]), readMethod, clock, limit);
  if (isUnanswered(chosen)) return faultOf(proxy, chosen.why);
  if (chosen !== wanted) return faultOf(proxy, access.login ? 'takes no login' : 'wants a login and has none');
  if (!access.login) return undefined;
  const verdict = await ask(socket, login(access.login), readLoginVerdict, clock, limit);
  if (isUnanswered(verdict)) return faultOf(proxy, verdict.why);
  return verdict === 0 ? undefined : faultOf(proxy, 'refuses the login');
}

async function bindAt(
  socket: Socket,
  proxy: Proxy,
  source: string,
  { clock, timeouts }: OpenSetup,
): Promise<Setback | undefined> {
  const asked = request(COMMANDS.bind, { address: source, port: 0 });
  const said = await ask(socket, asked, readReply, clock, timeouts.proxy);
  if (isUnanswered(said)) return faultOf(proxy, said.why);
  if (said.code === REPLIES.done) return undefined;
  if (said.code === REPLIES.notAllowed) return faultOf(proxy, `lets nothing leave from ${source}`);
  return faultOf(proxy, `cannot bind to ${source} (SOCKS5 reply ${said.code})`);
}

async function connectFrom(
  socket: Socket,
  proxy: Proxy,
  source: string,
  target: Target,
  { clock, timeouts }: OpenSetup,
): Promise<Setback | undefined> {
  const asked = request(COMMANDS.connect, target);
  const limit: Duration = timeouts.connect + timeouts.proxy;
  const said = await ask(socket, asked, readReply, clock, limit);
  if (isUnanswered(said)) return said.kind === 'late' ? notConnected('ETIMEDOUT') : faultOf(proxy, said.why);
  if (said.code !== REPLIES.done) return refusalOf(said, proxy, target);
  const from = said.place === 'name' ? 'a name' : said.place.address;
  return from === source ? undefined : faultOf(proxy, `connected from ${from} in place of ${source}`);
}

/** What the receiver or the net said, in the words of a connection of our own. */
const RECEIVERS = new Map<number, string>([
  [REPLIES.networkUnreachable, 'ENETUNREACH'],
  [REPLIES.hostUnreachable, 'EHOSTUNREACH'],
  [REPLIES.refused, 'ECONNREFUSED'],
  [REPLIES.timedOut, 'ETIMEDOUT'],
]);

/** What the proxy does not do is about this target: mail to elsewhere goes on. */
function refusalOf({ code }: Reply, proxy: Proxy, target: Target): Setback {
  const receivers = RECEIVERS.get(code);
  if (receivers !== undefined) return notConnected(receivers);
  const isAboutTarget = code === REPLIES.notAllowed || code === REPLIES.unknownAddressType;
  if (!isAboutTarget) return faultOf(proxy, `cannot connect (SOCKS5 reply ${code})`);
  const text = `the egress proxy ${proxy.name} does not connect to ${targetText(target)} (SOCKS5 reply ${code})`;
  return { stage: 'connect', reply: reply(451, '4.4.1', text), own: true };
}

const isUnanswered = (it: number | Reply | Unanswered): it is Unanswered => typeof it === 'object' && 'why' in it;
