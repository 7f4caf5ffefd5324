import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { codeOf } from '#lib/run/fault.ts';
import { greeting, login, request } from '#lib/socks/wire.ts';
import { ConfigFolder } from '../../test/harness/config.ts';
import { Stage } from '../../test/harness/stage.ts';
import { until } from '../../test/harness/until.ts';
import { type Egress, startEgress } from './egress-role.ts';
import { type EgressFlags, readEgressSettings } from './egress-settings.ts';

const SOURCE = '127.0.0.5';
const ALLOWED = '05000001';
const NOT_ALLOWED = '05020001';

let stage: Stage;
let clock: FakeClock;
let config: ConfigFolder;
let auth: string;
let logged: string[];
let egress: Egress | undefined;

beforeEach(async () => {
  stage = new Stage();
  clock = new FakeClock();
  logged = [];
  config = await ConfigFolder.from(stage, 'bench');
  declare(false);
  auth = join(stage.folder('secrets'), 'logins');
  writeFileSync(auth, 'worker:one');
});
afterEach(async () => {
  await egress?.stop();
  egress = undefined;
  await stage.end(false);
});

function declare(suspend: boolean): void {
  const proxy = { url: 'socks5://127.0.0.1' };
  config.change('IPPool', { spec: { members: [{ name: 'one', address: SOURCE, egress: 'Proxy', proxy, suspend }] } });
}

async function start(over: Partial<EgressFlags> = {}): Promise<Egress> {
  const flags: EgressFlags = {
    config: config.path,
    listen: '127.0.0.1:0',
    auth,
    allowPort: ['25'],
    connections: '100',
    connectionsPerClient: '100',
    metrics: '127.0.0.1:0',
    ...over,
  };
  const note = (message: string, fields?: object): void => void logged.push(`${message} ${JSON.stringify(fields)}`);
  const log = { info: note, warn: note, error: note, flush: async () => undefined };
  egress = await startEgress({ settings: readEgressSettings(flags), clock, log });
  return egress;
}

/** What is answered after the choice of a method: to the login, and to BIND. */
async function answers(port: number, password: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1' }).on('error', () => undefined);
  let heard = '';
  socket.on('data', (chunk: Buffer) => (heard += chunk.toString('hex')));
  const user = Buffer.from('worker');
  const said = [greeting([2]), login({ user, password: Buffer.from(password) })];
  socket.write(Buffer.concat([...said, request(2, { address: SOURCE, port: 0 })]));
  await until('an answer', () => heard.length >= 28 || socket.closed || socket.readableEnded);
  socket.destroy();
  return heard.slice(4);
}

test('it is ready, and what it lets leave is what the resources say now', async () => {
  const { port, metricsUrl } = await start();
  expect((await fetch(`${metricsUrl}/readyz`)).status).toBe(200);
  expect(await answers(port, 'one')).toMatch(`0100${ALLOWED}`);
  declare(true);
  await until('the change is read', async () => {
    clock.advance(seconds(1));
    return (await (await fetch(`${metricsUrl}/metrics`)).text()).includes('\npostfleet_egress_sources 0\n');
  });
  expect(await answers(port, 'one')).toMatch(`0100${NOT_ALLOWED}`);
  expect(logged.join('\n')).toContain(SOURCE);
});

test('a login that changes holds within ten seconds, one that cannot be read changes nothing', async () => {
  const { port } = await start();
  expect(await answers(port, 'two')).toBe('0101');
  writeFileSync(auth, 'worker:one\nworker:two');
  await until('it is read', async () => {
    clock.advance(seconds(10));
    return (await answers(port, 'two')).startsWith('0100');
  });
  writeFileSync(auth, 'worker:');
  await until('it is told', () => {
    clock.advance(seconds(10));
    return logged.some((it) => it.includes('the last good ones stay in use'));
  });
  expect(await answers(port, 'one')).toMatch(/^0100/);
  expect(logged.join('\n')).not.toMatch(/worker:(one|two)/);
});

test.each<[string, () => Partial<EgressFlags>, string]>([
  ['no file of logins', () => ({ auth: join(config.path, 'absent') }), 'logins-invalid'],
  ['no certificate', () => ({ tls: config.path }), 'certificate-invalid'],
  [
    'a certificate that is none',
    () => {
      const tls = join(config.path, 'tls');
      mkdirSync(tls);
      for (const file of ['tls.crt', 'tls.key']) writeFileSync(join(tls, file), 'nothing');
      return { tls };
    },
    'certificate-invalid',
  ],
  ['no resources', () => ({ config: join(config.path, 'absent') }), 'config-invalid'],
])('a start with %s fails, says so, and leaves nothing behind', async (_, flags, code) => {
  const thrown = await start(flags()).catch((it: unknown) => it);
  expect(codeOf(thrown)).toBe(code);
  expect(clock.timers).toBe(0);
});
