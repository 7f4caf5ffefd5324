/**
 * A real validating resolver (unbound) on a loopback port, that asks one authority for everything.
 */
import { Resolver } from 'node:dns/promises';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '#lib/run/fault.ts';
import type { Authority } from './authority.ts';
import { freePorts } from './ports.ts';
import type { Program } from './program.ts';
import type { Stage } from './stage.ts';
import { until } from './until.ts';

export interface UnboundOptions {
  /** DS records: answers below these names are validated, everything else is insecure. */
  readonly trustAnchors?: readonly string[];
  /** Further lines of the `server:` clause. */
  readonly server?: readonly string[];
}

/** What the platform's resolver says while nobody answers yet. */
const SILENT = new Set(['ETIMEOUT', 'ECONNREFUSED', 'ESERVFAIL']);

export class Unbound {
  readonly program: Program;
  readonly port: number;

  private constructor(program: Program, port: number) {
    this.program = program;
    this.port = port;
  }

  /** Resolves when it answers. */
  static async start(stage: Stage, authority: Authority, options: UnboundOptions = {}): Promise<Unbound> {
    const [port = 0] = await freePorts(1);
    const folder = stage.folder('unbound');
    const file = join(folder, 'unbound.conf');
    writeFileSync(file, configuration(folder, port, authority, options));
    const unbound = new Unbound(stage.start('unbound', '/usr/sbin/unbound', ['-d', '-c', file]), port);
    await unbound.#answers();
    return unbound;
  }

  /** `address:port`, as resolvers are written in resources. */
  get server(): string {
    return `127.0.0.1:${this.port}`;
  }

  async #answers(): Promise<void> {
    const resolver = new Resolver({ timeout: 500, tries: 1 });
    resolver.setServers([this.server]);
    await until('unbound answers', async () => {
      if (this.program.exit) throw new Error(`unbound ended, saying:\n${this.program.stderr}`);
      return resolver.resolveNs('.').then(
        () => true,
        (error: unknown) => !SILENT.has(codeOf(error)),
      );
    });
  }
}

/** One thread and no privileges; `.test`, which it would call unknown, and loopback, which it would not ask, are ours. */
function configuration(folder: string, port: number, authority: Authority, options: UnboundOptions): string {
  const server = [
    'interface: 127.0.0.1',
    `port: ${port}`,
    `directory: "${folder}"`,
    'username: ""',
    'chroot: ""',
    'pidfile: ""',
    'use-syslog: no',
    'logfile: ""',
    'num-threads: 1',
    'do-ip6: no',
    'do-not-query-localhost: no',
    'access-control: 127.0.0.0/8 allow',
    'local-zone: "test." nodefault',
    'module-config: "validator iterator"',
    ...(options.trustAnchors ?? []).map((anchor) => `trust-anchor: "${anchor}"`),
    ...(options.server ?? []),
  ];
  const at = `${authority.address}@${authority.port}`;
  // A zone's own NS records name hosts, and no port: each zone must be said to be here.
  const stubs = authority.zones.map((zone) => `stub-zone:\n  name: "${zone}"\n  stub-addr: ${at}\n`);
  const clauses = { server, 'remote-control': ['control-enable: no'] };
  return Object.entries(clauses)
    .map(([name, lines]) => `${name}:\n${lines.map((line) => `  ${line}\n`).join('')}`)
    .concat(stubs)
    .join('');
}
