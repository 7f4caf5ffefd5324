/**
 * An address and a port to listen on, as a flag says them. Pure.
 */
import { Fault } from '../run/fault.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Throws the fault `bad-setting`, which names the setting. */
export function parseAddress(setting: string, text: string): Address {
  const [, host, port] = /^\[?([^\s[\]]+?)\]?:(\d{1,5})$/.exec(text) ?? [];
  if (host === undefined || Number(port) > 65_535) {
    throw new Fault('bad-setting', `${setting} ${text}: must be an address and a port, such as 127.0.0.1:9464`);
  }
  return { host, port: Number(port) };
}
