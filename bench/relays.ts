/**
 * The relays that are compared, each started the way its documentation says, each handing everything to one sink.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigFolder } from '../test/harness/config.ts';
import { freePorts } from '../test/harness/ports.ts';
import { Postfleet } from '../test/harness/postfleet.ts';
import type { Stage } from '../test/harness/stage.ts';
import { until } from '../test/harness/until.ts';

export interface Relay {
  /** Where it takes mail. */
  readonly port: number;
  /** Where it hands mail to. */
  readonly sink: number;
  /** The process above all of its others; undefined when there is none to measure. */
  readonly pid: number | undefined;
  stop(): Promise<void>;
}

export type RelayName = 'none' | 'Postfix' | 'Postfleet';

/** `deliveries`: connections that Postfleet may have to the sink; Postfix's are in its configuration. */
export const starters: Readonly<Record<RelayName, (stage: Stage, deliveries?: number) => Promise<Relay>>> = {
  none: startNone,
  Postfix: startPostfix,
  Postfleet: startPostfleet,
};

/** The source talks to the sink itself: what the yardstick can measure at most. */
async function startNone(): Promise<Relay> {
  const [sink = 0] = await freePorts(1);
  return { port: sink, sink, pid: undefined, stop: async () => {} };
}

async function startPostfleet(stage: Stage, deliveries = 40): Promise<Relay> {
  const limits = { connections: deliveries };
  const config = await ConfigFolder.from(stage, 'bench', { DestinationPolicy: { spec: { limits } } });
  const fleet = await Postfleet.start(stage, config);
  const { submission: port, receiver: sink } = config.ports;
  const stop = async (): Promise<void> => void (await fleet.stop());
  return { port, sink, pid: fleet.program.pid, stop };
}

const templates = new URL('postfix/', import.meta.url);

async function startPostfix(stage: Stage): Promise<Relay> {
  const [port = 0, sink = 0] = await freePorts(2);
  const folder = stage.folder('postfix');
  // Its processes run as the user postfix, who must get here.
  for (const open of [stage.root, folder]) chmodSync(open, 0o755);
  const config = join(folder, 'etc');
  for (const name of ['etc', 'spool', 'data']) mkdirSync(join(folder, name));
  execFileSync('chown', ['postfix', join(folder, 'data')]);
  const filled: Readonly<Record<string, string>> = { FOLDER: folder, SINK: String(sink), LISTEN: `127.0.0.1:${port}` };
  for (const file of ['main.cf', 'master.cf']) {
    const text = readFileSync(new URL(file, templates), 'utf8');
    writeFileSync(
      join(config, file),
      text.replaceAll(/@([A-Z]+)@/g, (_, name: string) => filled[name] ?? ''),
    );
  }
  const control = (verb: string): Buffer => execFileSync('/usr/sbin/postfix', ['-c', config, verb], { stdio: 'pipe' });
  control('start');
  const stop = async (): Promise<void> => void control('stop');
  return { port, sink, pid: await masterOf(folder), stop };
}

const masterOf = (folder: string): Promise<number> =>
  until('the pid of Postfix', () => {
    const pid = Number(readFileSync(join(folder, 'spool/pid/master.pid'), 'utf8'));
    return pid > 0 ? pid : undefined;
  });
