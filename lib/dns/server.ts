/**
 * The DNS servers to ask: as resources write them, or as the machine is set up.
 */
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';

export interface Server {
  /** An IP address. */
  readonly address: string;
  readonly port: number;
}

const DNS_PORT = 53;

/** Where the C library reads it, and as many servers as it reads. */
const RESOLV_CONF = '/etc/resolv.conf';
const MOST_SERVERS = 3;

/** `192.0.2.53`, `192.0.2.53:5353`, `2001:db8::53` or `[2001:db8::53]:53`; resources are checked for it. */
export function parseServer(text: string): Server {
  const [, bracketed, four, port] = /^(?:\[(.+)\]|([^:]+))(?::(\d+))?$/.exec(text) ?? [];
  return { address: bracketed ?? four ?? text, port: port === undefined ? DNS_PORT : Number(port) };
}

/** The machine's own, read once. */
export async function machineServers(): Promise<readonly Server[]> {
  return nameServersIn(await readFile(RESOLV_CONF, 'utf8').catch(() => ''));
}

/** The `nameserver` lines of a resolv.conf; without any, this machine itself. */
export function nameServersIn(resolvConf: string): readonly Server[] {
  const named = [...resolvConf.matchAll(/^nameserver[ \t]+(\S+)/gm)].map(([, address = '']) => address);
  const servers = named.filter((it) => isIP(it) !== 0).slice(0, MOST_SERVERS);
  return (servers.length > 0 ? servers : ['127.0.0.1']).map((address) => ({ address, port: DNS_PORT }));
}
