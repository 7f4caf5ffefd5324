/**
 * CoreDNS in the bench pod: the name server of all zones, which nobody asks but who is told to.
 */
import type { ZoneLine } from '../ground.ts';
import { fileName, reloading, ROOT, zoneText } from '../zone-text.ts';
import { programFile } from '../../setup/control-plane.ts';
import { type BenchPod, DNS_PORT, FOLDER } from './bench-pod.ts';

/** Texts of a name, as JSON. */
const ASK = `const resolver = new (require('dns').promises.Resolver)({ timeout: 2000, tries: 3 });
resolver.setServers(['127.0.0.1:${DNS_PORT}']);
resolver.resolveTxt(process.argv[1]).then((all) => console.log(JSON.stringify(all.map((it) => it.join('')))))`;

export class Zones {
  readonly #bench: BenchPod;
  readonly #server: string;
  #serial = 0;

  private constructor(bench: BenchPod, server: string) {
    this.#bench = bench;
    this.#server = server;
  }

  /** `server`: its address, as pods ask it. */
  static async start(bench: BenchPod, zones: readonly string[], server: string): Promise<Zones> {
    const all = [...zones, ROOT];
    const names = new Zones(bench, server);
    for (const zone of all) await names.write(zone, []);
    const files = all.map((it) => reloading(`${FOLDER}/${fileName(it)}`, it)).join('');
    const configuration = await bench.write('Corefile', `.:${DNS_PORT} {\n  errors\n${files}}\n`);
    const program = await bench.put(programFile('coredns'), 'coredns');
    bench.begin(program, ['-conf', configuration]);
    return names;
  }

  async write(zone: string, lines: readonly ZoneLine[]): Promise<void> {
    const text = zoneText({ zone, lines, serial: (this.#serial += 1), server: this.#server });
    await this.#bench.write(fileName(zone), text);
  }

  async texts(name: string): Promise<readonly string[]> {
    return JSON.parse(await this.#bench.script(ASK, name)) as string[];
  }
}
