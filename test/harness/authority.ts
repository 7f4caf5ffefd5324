/**
 * A real authoritative server (Knot DNS) for zones that a test writes, on a loopback port.
 *
 * Whatever else is asked does not exist, because it serves an empty root too. A zone is text in master-file form
 * without SOA; NS records it lacks are added. `signed` zones are signed by the server itself.
 */
import { execFile } from 'node:child_process';
import { Resolver } from 'node:dns/promises';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePorts } from './ports.ts';
import type { Program } from './program.ts';
import type { Stage } from './stage.ts';
import { until } from './until.ts';

/** Records of a zone, by its name: `'@ MX 10 mail\nmail A 192.0.2.1'`. `BROKEN` is answered SERVFAIL. */
export type Zones = Readonly<Record<string, string>>;

export interface AuthorityOptions {
  /** Names of the zones to sign. */
  readonly signed?: readonly string[];
  /** `127.0.0.1` unless given. */
  readonly address?: string;
  /** A free one unless given. */
  readonly port?: number;
}

/** A zone the server has and cannot load. */
export const BROKEN = '@ A not-an-address';

/** Seconds that names without a TTL of their own, and the news that there is none, may be kept. */
const TTL = 60;

export class Authority {
  readonly address: string;
  readonly port: number;
  readonly #folder: string;
  readonly #resolver = new Resolver({ timeout: 500, tries: 1 });
  #program: Program | undefined;
  /** How often each zone was written. */
  readonly #editions = new Map<string, number>();

  private constructor(folder: string, address: string, port: number) {
    this.#folder = folder;
    this.address = address;
    this.port = port;
    this.#resolver.setServers([this.server]);
  }

  /** Resolves when every zone that can be served is. */
  static async start(stage: Stage, zones: Zones, options: AuthorityOptions = {}): Promise<Authority> {
    const [free = 0] = await freePorts(1);
    const folder = stage.folder('authority');
    const authority = new Authority(folder, options.address ?? '127.0.0.1', options.port ?? free);
    const all: Zones = { '.': '', ...zones };
    mkdirSync(join(folder, 'zones'));
    writeFileSync(join(folder, 'knot.conf'), authority.#configuration(Object.keys(all), options.signed ?? []));
    for (const [zone, records] of Object.entries(all)) authority.#write(zone, records);
    authority.#program = stage.start('knotd', '/usr/sbin/knotd', ['-c', join(folder, 'knot.conf')]);
    await authority.#serves(all);
    return authority;
  }

  /** Names of its zones. */
  get zones(): readonly string[] {
    return [...this.#editions.keys()];
  }

  /** `address:port`, as resolvers are written in resources. */
  get server(): string {
    return `${this.address}:${this.port}`;
  }

  /** Replaces the records of zones. Resolves when the new ones are served. */
  async publish(zones: Zones): Promise<void> {
    for (const [zone, records] of Object.entries(zones)) this.#write(zone, records);
    this.#program?.signal('SIGHUP');
    await this.#serves(zones);
  }

  /** The DS record of a signed zone, as trust anchors are written. */
  async trustAnchor(zone: string): Promise<string> {
    const configuration = join(this.#folder, 'knot.conf');
    const { stdout } = await promisify(execFile)('/usr/sbin/keymgr', ['-c', configuration, `${zone}.`, 'ds']);
    const sha256 = stdout.split('\n').find((line) => / DS \d+ \d+ 2 /.test(line));
    if (sha256 === undefined) throw new Error(`${zone} has no key:\n${stdout}`);
    return sha256;
  }

  /** Nobody answers any more. */
  async kill(): Promise<void> {
    await this.#program?.kill();
  }

  /** Every zone is known to be the newest by a mark in it. */
  async #serves(zones: Zones): Promise<void> {
    for (const zone of Object.keys(zones).filter((it) => zones[it] !== BROKEN)) {
      await until(`zone ${zone} served`, async () => {
        if (this.#program?.exit) throw new Error(`knotd ended, saying:\n${this.#program.stderr}`);
        const found = await this.#resolver.resolveTxt(markIn(zone)).catch(() => []);
        return found[0]?.[0] === String(this.#editions.get(zone));
      });
    }
  }

  #write(zone: string, records: string): void {
    const edition = (this.#editions.get(zone) ?? 0) + 1;
    this.#editions.set(zone, edition);
    const head = [
      `$ORIGIN ${absolute(zone)}`,
      `$TTL ${TTL}`,
      `@ SOA ns hostmaster ${edition} 3600 600 86400 ${TTL}`,
      ...(/^@.* NS /m.test(records) ? [] : ['@ NS ns', `ns A ${this.address}`]),
      `_edition 0 TXT "${edition}"`,
    ];
    writeFileSync(join(this.#folder, 'zones', fileOf(zone)), `${[...head, records].join('\n')}\n`);
  }

  #configuration(zones: readonly string[], signed: readonly string[]): string {
    const server = ['server:', `  rundir: ${this.#folder}`, `  listen: ${this.address}@${this.port}`];
    const control = ['control:', `  listen: ${join(this.#folder, 'control')}`];
    const log = ['log:', '  - target: stderr', '    any: info'];
    const database = ['database:', `  storage: ${this.#folder}`];
    const policy = ['policy:', '  - id: own', '    algorithm: ecdsap256sha256', '    single-type-signing: on'];
    const entries = zones.flatMap((zone) => [
      `  - domain: ${absolute(zone)}`,
      `    file: ${join(this.#folder, 'zones', fileOf(zone))}`,
      '    zonefile-sync: -1',
      ...(signed.includes(zone) ? SIGNED : []),
    ]);
    return `${[...server, ...control, ...log, ...database, ...policy, 'zone:', ...entries].join('\n')}\n`;
  }
}

/** The file is what a test wrote; signatures and serials are the server's and stay in its journal. */
const SIGNED = [
  '    dnssec-signing: on',
  '    dnssec-policy: own',
  '    zonefile-load: difference-no-serial',
  '    journal-content: all',
];

const absolute = (zone: string): string => (zone === '.' ? '.' : `${zone}.`);
const fileOf = (zone: string): string => (zone === '.' ? 'root.zone' : `${zone}.zone`);
const markIn = (zone: string): string => (zone === '.' ? '_edition' : `_edition.${zone}`);
