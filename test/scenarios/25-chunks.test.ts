/**
 * Mail to a receiver that offers CHUNKING: a real Postfix takes it by BDAT, and hands on every byte as it was.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { verifyDkim } from '#lib/dkim/verify.ts';
import { systemClock } from '#lib/run/clock.ts';
import { starters } from '../../bench/relays.ts';
import { ConfigFolder } from '../harness/config.ts';
import { Postfleet } from '../harness/postfleet.ts';
import { publishedBy } from '../harness/published.ts';
import { Receiver } from '../harness/receiver.ts';
import { openScene } from '../harness/scene.ts';
import { submit } from '../harness/smtp-client.ts';
import { until } from '../harness/until.ts';

const scene = openScene();
let fleet: Postfleet;
let behind: Receiver;

beforeAll(async () => {
  const postfix = await starters.Postfix(scene);
  scene.adopt({ close: () => postfix.stop() });
  behind = scene.adopt(await Receiver.listen(postfix.sink));
  const routes = [{ host: '127.0.0.1', port: postfix.port }];
  fleet = await Postfleet.start(
    scene,
    await ConfigFolder.from(scene, 'bench', { DestinationPolicy: { spec: { routes } } }),
  );
});

const HEAD = 'From: <hello@example.com>\r\nTo: <you@demo.test>\r\nSubject: dots\r\n\r\n';
/** As they are submitted they have transparency dots; without, they are what must arrive. */
const DOTS = ['.', '..', '. a', '.QUIT', 'BDAT 5 LAST', 'MAIL FROM:<a@example.org>', '', 'text', '.'];
const stuffed = (lines: readonly string[]): string => lines.map((it) => `${it.replace(/^\./, '..')}\r\n`).join('');
const plain = (lines: readonly string[]): string => lines.map((it) => `${it}\r\n`).join('');

const log = (): string => {
  const folder = readdirSync(scene.root).find((it) => it.startsWith('postfix-')) ?? '';
  return readFileSync(join(scene.root, folder, 'postfix.log'), 'utf8');
};

test.each([
  ['small', DOTS],
  ['large', Array.from({ length: 20_000 }, (_, at) => DOTS[at % DOTS.length] ?? '')],
])('a %s message full of dots arrives byte for byte, its signatures hold', async (_, lines) => {
  const id = await submit(fleet.ports.submission, 'hello@example.com', ['you@demo.test'], HEAD + stuffed(lines));
  const delivered = await fleet.event('delivered', id);
  expect(delivered.reply).toMatch(/^250 2\.0\.0 Ok: \d+ bytes queued as/);
  const got = await until('Postfix to hand it on', () => behind.taken.find((it) => it.raw.includes(id)));
  expect(got.raw.toString('latin1').split('\r\n\r\n').slice(1).join('\r\n\r\n')).toBe(plain(lines));
  const verdicts = await verifyDkim(got.raw, publishedBy(fleet.data), systemClock.now());
  expect(verdicts.map((it) => it.result)).toEqual(['pass']);
});

test('all of them came by BDAT', async () => {
  await fleet.stop();
  const [, bdat = ''] = await until(
    'Postfix to see us go',
    () => /disconnect from .*\bbdat=(\d+)/.exec(log()) ?? undefined,
  );
  expect(Number(bdat)).toBeGreaterThanOrEqual(2);
  expect(log()).not.toMatch(/disconnect from .*\bdata=/);
});
