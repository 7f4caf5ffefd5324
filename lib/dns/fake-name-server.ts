/**
 * A DNS server of a test, on loopback: it says by UDP and TCP what the test says, true or not.
 */
import { type Answer, decode, encode } from 'dns-packet';
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server as TcpServer } from 'node:net';
import type { Server } from './server.ts';

/** What is said to one question; what is not said is as in an honest, full answer of a resolver. */
export interface Said {
  readonly rcode?: number;
  readonly answers?: readonly Answer[];
  readonly authorities?: readonly Answer[];
  /** AA, RA, AD, TC. */
  readonly aa?: boolean;
  readonly ra?: boolean;
  readonly ad?: boolean;
  readonly tc?: boolean;
  /** Changes the bytes that go out, or makes more of them. */
  readonly forge?: (answer: Buffer, question: Buffer) => readonly Buffer[];
}

/** A question as it came. */
export interface Asked {
  readonly name: string;
  readonly type: string;
  readonly by: 'udp' | 'tcp';
  readonly port: number;
  readonly id: number;
  readonly isRecursive: boolean;
  readonly bytes: Buffer;
}

/** undefined stays silent. */
export type Zone = (asked: Asked) => Said | undefined;

export class FakeNameServer {
  readonly server: Server;
  readonly asked: Asked[] = [];
  /** By TCP: `stalls` before the last byte of each answer, or `breaks` off after the first. */
  tcp: 'whole' | 'stalls' | 'breaks' = 'whole';
  readonly #zone: Zone;
  readonly #udp: Socket;
  readonly #tcp: TcpServer;

  private constructor(server: Server, udp: Socket, tcp: TcpServer, zone: Zone) {
    this.server = server;
    this.#udp = udp;
    this.#tcp = tcp;
    this.#zone = zone;
    udp.on('message', (bytes, peer) => this.#datagram(bytes, peer));
    tcp.on('connection', (socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (chunk: Buffer) => {
        for (const answer of this.#answer(chunk.subarray(2), 'tcp', socket.remotePort ?? 0)) {
          const length = Buffer.alloc(2);
          length.writeUInt16BE(answer.length + (this.tcp === 'stalls' ? 1 : 0));
          if (this.tcp === 'breaks') socket.end(length.subarray(0, 1));
          else socket.write(Buffer.concat([length, answer]));
        }
      });
    });
  }

  /** On a port that is free for both. */
  static async listen(zone: Zone, address = '127.0.0.1', port = 0): Promise<FakeNameServer> {
    const tcp = createServer();
    tcp.listen(port, address);
    await once(tcp, 'listening');
    const at = tcp.address();
    if (at === null || typeof at === 'string') throw new Error('no port');
    const udp = createSocket('udp4');
    udp.bind(at.port, address);
    try {
      await once(udp, 'listening');
    } catch (error) {
      // Somebody's question leaves from this port just now.
      tcp.close();
      if (port === 0) return FakeNameServer.listen(zone, address);
      throw error;
    }
    return new FakeNameServer({ address, port: at.port }, udp, tcp, zone);
  }

  close(): void {
    this.#udp.close();
    this.#tcp.close();
  }

  #datagram(bytes: Buffer, peer: RemoteInfo): void {
    for (const answer of this.#answer(bytes, 'udp', peer.port)) this.#udp.send(answer, peer.port, peer.address);
  }

  #answer(bytes: Buffer, by: 'udp' | 'tcp', port: number): readonly Buffer[] {
    const { id = 0, questions = [], flag_rd: isRecursive } = decode(bytes);
    const [question] = questions;
    if (!question) return [];
    const asked = { name: question.name, type: question.type, by, port, id, isRecursive, bytes };
    this.asked.push(asked);
    const said = this.#zone(asked);
    if (!said) return [];
    const flags = bit(10, said.aa) | bit(9, said.tc) | bit(7, said.ra ?? true) | bit(5, said.ad) | (said.rcode ?? 0);
    const answers = [...(said.answers ?? [])];
    const answer = encode({
      type: 'response',
      id,
      flags,
      questions,
      answers,
      authorities: [...(said.authorities ?? [])],
    });
    return said.forge?.(answer, bytes) ?? [answer];
  }
}

const bit = (at: number, isSet = false): number => (isSet ? 1 << at : 0);

/** Records as a test writes them. */
export const a = (name: string, data: string, ttl = 60): Answer => ({ type: 'A', name, ttl, data });
export const aaaa = (name: string, data: string, ttl = 60): Answer => ({ type: 'AAAA', name, ttl, data });
export const cname = (name: string, data: string, ttl = 60): Answer => ({ type: 'CNAME', name, ttl, data });
export const txt = (name: string, data: string | string[], ttl = 60): Answer => ({ type: 'TXT', name, ttl, data });
export const mx = (name: string, preference: number, exchange: string, ttl = 60): Answer => ({
  type: 'MX',
  name,
  ttl,
  data: { preference, exchange },
});
/** `minimum` in seconds: how long "there is none" holds. */
export const soa = (name: string, minimum: number, ttl = 3600): Answer => ({
  type: 'SOA',
  name,
  ttl,
  data: { mname: 'ns', rname: 'hostmaster', minimum },
});

export const NXDOMAIN = 3;
export const SERVFAIL = 2;
