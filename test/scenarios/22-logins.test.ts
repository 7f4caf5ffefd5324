/**
 * A thousand connections that log in at once, under TLS with a generated password; and a guesser, who locks out nobody
 * else.
 */
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { usageOf } from '../../bench/usage.ts';
import { ConfigFolder } from '../harness/config.ts';
import { Postfleet } from '../harness/postfleet.ts';
import { openScene } from '../harness/scene.ts';
import { SmtpClient } from '../harness/smtp-client.ts';
import { until } from '../harness/until.ts';

const CONNECTIONS = 1000;
/** Seconds of the server's processor time: what the clock says depends on who else uses the machine. */
const MOST_CPU = 4;
const LOGINS = fileURLToPath(new URL('../harness/logins.ts', import.meta.url));

const scene = openScene();
const plain = (username: string, password: string): string =>
  `AUTH PLAIN ${Buffer.from(`\0${username}\0${password}`).toString('base64')}`;

async function logIn(port: number, username: string, password: string): Promise<string> {
  const client = await SmtpClient.open(port);
  await client.startTls();
  const said = await client.say(plain(username, password));
  client.close();
  return said;
}

test(`${CONNECTIONS} connections log in under TLS for less than ${MOST_CPU} s of processor time`, async () => {
  const fleet = await Postfleet.start(scene, await ConfigFolder.from(scene, 'standalone'));
  const args = [LOGINS, String(CONNECTIONS), String(fleet.ports.submissions), fleet.username, fleet.password];
  const before = usageOf(fleet.program.pid).cpu;
  const child = scene.start('logins', process.execPath, args);
  const [, count, took] = await until('all have logged in', () => /^(\d+) in (\d+)$/m.exec(child.stdout), 60_000);
  const cpu = usageOf(fleet.program.pid).cpu - before;
  process.stdout.write(`${count} connections logged in within ${took} ms, for ${cpu.toFixed(1)} s of processor time\n`);
  expect(Number(count)).toBe(CONNECTIONS);
  expect(cpu).toBeLessThan(MOST_CPU);
  await child.kill();
  await fleet.stop();
});

test('A17 guesses end in 421, and who has the generated password still comes in from the same place', async () => {
  const fleet = await Postfleet.start(scene, await ConfigFolder.from(scene, 'standalone'));
  const { submission } = fleet.ports;
  const said: string[] = [];
  for (let guess = 0; guess < 11; guess += 1) said.push(await logIn(submission, fleet.username, `wrong ${guess}`));
  expect(said.slice(0, 10).filter((it) => it.startsWith('535'))).toHaveLength(10);
  expect(said[10]).toMatch(/^421 4\.7\.0 Too many failed logins/);
  expect(await logIn(submission, fleet.username, fleet.password)).toMatch(/^235 /);
  await fleet.stop();
});
