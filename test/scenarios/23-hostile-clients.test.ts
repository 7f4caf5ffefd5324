/**
 * Thousands of connections that mean harm, and one client that does not: memory stays, the client is served.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { ConfigFolder } from '../harness/config.ts';
import { Mailbench } from '../harness/mailbench.ts';
import { Postfleet } from '../harness/postfleet.ts';
import { openScene } from '../harness/scene.ts';
import { plainMessage, SmtpClient } from '../harness/smtp-client.ts';
import { until } from '../harness/until.ts';

const KINDS = ['silent', 'hello', 'ehlo', 'auth', 'data', 'junk'];
const CONNECTIONS = 5000;
const MIB = 1024 * 1024;
/** What they may cost, and what a good client waits for a message. */
const MOST_MEMORY = 64 * MIB;
const SLOWEST = 2000;
const MESSAGES = 200;

const HOSTILE = fileURLToPath(new URL('../harness/hostile.ts', import.meta.url));
const scene = openScene();

/** Bytes of a process in memory. */
function memoryOf(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}

/** Milliseconds for one message on a connection of its own. */
async function timeOfOne(port: number): Promise<number> {
  const begun = performance.now();
  const client = await SmtpClient.open(port);
  const said = await client.send('a@example.com', ['b@dest.test'], plainMessage('a@example.com', 'b@dest.test'));
  client.close();
  expect(said).toMatch(/^250 /);
  return performance.now() - begun;
}

async function percentile99(port: number): Promise<number> {
  const times: number[] = [];
  for (let count = 0; count < MESSAGES; count += 1) times.push(await timeOfOne(port));
  return times.toSorted((a, b) => a - b)[Math.floor(MESSAGES * 0.99)] ?? Infinity;
}

test(`A12 ${CONNECTIONS} silent, slow and noisy connections cost little memory, and a good client is served`, async () => {
  const config = await ConfigFolder.from(scene, 'bench');
  const fleet = await Postfleet.start(scene, config);
  const { submission, submissions, receiver } = config.ports;
  const load = { to: submission, sink: receiver, messages: 3000, connections: 20, flags: ['-linger', '120s'] };
  const warm = Mailbench.start(scene, load);
  await until('it is warm', async () => (await fleet.metric('postfleet_attempts_total')) >= 3000, 60_000);
  const alone = await percentile99(submission);
  const before = memoryOf(fleet.program.pid);

  const each = Math.ceil(CONNECTIONS / KINDS.length);
  const hostile = KINDS.map((kind) =>
    scene.start(kind, process.execPath, [HOSTILE, kind, String(each), String(submission), String(submissions)]),
  );
  await until('all are there', () => hostile.every((it) => it.stdout.includes(`reached ${each}`)), 90_000);
  const open = hostile.map((it) => Number(/open (\d+)\n$/.exec(it.stdout)?.[1] ?? each));
  const beside = await percentile99(submission);
  const after = memoryOf(fleet.program.pid);

  const grown = Math.round((after - before) / MIB);
  const shares = KINDS.map((kind, at) => `${kind} ${open[at]}`).join(', ');
  const times = `p99 of a good client ${Math.round(alone)} ms alone, ${Math.round(beside)} ms beside them`;
  process.stdout.write(`A12: ${shares}; ${grown} MB more memory; ${times}\n`);
  expect(open.reduce((sum, it) => sum + it, 0)).toBeGreaterThan(CONNECTIONS * 0.9);
  expect(after - before).toBeLessThan(MOST_MEMORY);
  expect(beside).toBeLessThan(SLOWEST);
  for (const it of hostile) await it.kill();
  await warm.program.kill();
  await fleet.stop();
});
