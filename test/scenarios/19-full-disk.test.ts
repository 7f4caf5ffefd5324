/**
 * A disk that fills while mail flows, on a small file system of its own: new mail is put off, what was accepted is
 * delivered, and it recovers by itself.
 */
import { appendFileSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { ConfigFolder } from '../harness/config.ts';
import { Mailbench, type Verdict } from '../harness/mailbench.ts';
import { Postfleet } from '../harness/postfleet.ts';
import { openScene } from '../harness/scene.ts';
import { plainMessage, SmtpClient } from '../harness/smtp-client.ts';
import { until } from '../harness/until.ts';

const MIB = 1024 * 1024;
const DISK = 256;
const RESERVE = 96;
/** What is filled between two looks at the disk, once the reserve is near: the queue needs the rest of it to go on. */
const STEP = 8;

const scene = openScene();

/** Mounts a small disk on the data folder where nobody else sees it, then becomes the program. */
const SMALL_DISK = `mount -t tmpfs -o size=${DISK}m,mode=700 tmpfs "$0" && exec "$@"`;
const namespaces = process.getuid?.() === 0 ? ['--mount'] : ['--mount', '--map-root-user'];

async function startOnSmallDisk() {
  const config = await ConfigFolder.from(scene, 'bench');
  config.change('MTACluster', { spec: { queue: { reserve: { percent: 5, bytes: RESERVE * MIB } } } });
  const data = scene.folder('data');
  const under = ['unshare', ...namespaces, 'sh', '-c', SMALL_DISK, data];
  const fleet = await Postfleet.start(scene, config, { data, under });
  const seen = join('/proc', String(fleet.program.pid), 'root', data);
  return { fleet, token: join(seen, 'secrets', fleet.username, 'token'), filler: join(seen, 'filler') };
}

/** Fills the disk until its reserve is reached, a step for each look that is taken at it. */
async function fillToReserve(fleet: Postfleet, filler: string): Promise<void> {
  const { bavail, bsize } = statfsSync(dirname(filler));
  writeFileSync(filler, Buffer.alloc(bavail * bsize - (RESERVE + STEP) * MIB, 1));
  let seen = 0;
  await until(
    'the disk is low',
    async () => {
      if ((await ready(fleet)).status === 503) return true;
      const free = await fleet.metric('postfleet_disk_free_bytes');
      if (free !== seen) appendFileSync(filler, Buffer.alloc(STEP * MIB, 1));
      seen = free;
      return false;
    },
    20_000,
  );
}

async function ready(fleet: Postfleet): Promise<{ status: number; text: string }> {
  const answer = await fetch(`${fleet.metricsUrl}/readyz`);
  return { status: answer.status, text: await answer.text() };
}

async function mailReply(fleet: Postfleet): Promise<string> {
  const client = await SmtpClient.open(fleet.ports.submission);
  const said = await client.say('MAIL FROM:<a@example.com>');
  client.close();
  return said;
}

async function postStatus({ ports }: Postfleet, token: string): Promise<number> {
  const authorization = `Bearer ${token}`;
  const answer = await fetch(`http://127.0.0.1:${ports.api}/v1/messages`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: '{}',
  });
  return answer.status;
}

function load(fleet: Postfleet, messages: number, flags: readonly string[]): Mailbench {
  const { submission, receiver } = fleet.ports;
  const bytes = ['-size', '20000', '-wait', '60s'];
  return Mailbench.start(scene, {
    to: submission,
    sink: receiver,
    messages,
    connections: 20,
    flags: [...bytes, ...flags],
  });
}

const lossless = (verdict: Verdict): void =>
  expect(verdict).toMatchObject({ lost: 0, duplicates: 0, unknown: 0, delivered: verdict.accepted });

test('below the reserve new mail is put off with 452 and 507, deliveries go on, and room brings mail back', async () => {
  const { fleet, filler, token } = await startOnSmallDisk();
  expect((await ready(fleet)).status).toBe(200);
  const mail = load(fleet, 8000, ['-sinklatency', '20ms']);
  await until('mail flows', async () => (await fleet.metric('postfleet_accepted_total')) > 200, 30_000);
  await fillToReserve(fleet, filler);
  expect((await ready(fleet)).text).toContain('"disk"');
  expect(await mailReply(fleet)).toBe('452 4.3.1 no room: try again later');
  expect(await postStatus(fleet, readFileSync(token, 'utf8').trim())).toBe(507);
  const verdict = await mail.verdict();
  lossless(verdict);
  expect(verdict.accepted).toBeGreaterThan(200);
  expect(verdict.refused).toBeGreaterThan(0);
  expect(await fleet.metric('postfleet_queue_depth')).toBe(0);
  rmSync(filler);
  const begun = performance.now();
  await until('there is room', async () => (await ready(fleet)).status === 200);
  expect(await mailReply(fleet)).toMatch(/^250 /);
  process.stdout.write(`recovered ${Math.round(performance.now() - begun)} ms after there was room\n`);
  lossless(await load(fleet, 200, []).verdict());
  await fleet.stop();
});

test('a disk without a byte left loses nothing that was accepted', async () => {
  const { fleet, filler } = await startOnSmallDisk();
  const mail = load(fleet, 3000, ['-sinklatency', '20ms']);
  await until('mail flows', async () => (await fleet.metric('postfleet_accepted_total')) > 200, 30_000);
  expect(() => writeFileSync(filler, Buffer.alloc(DISK * MIB, 1))).toThrow('ENOSPC');
  const client = await SmtpClient.open(fleet.ports.submission);
  const said = await client.send('a@example.com', ['b@dest.test'], plainMessage('a@example.com', 'b@dest.test'));
  expect(said).toMatch(/^4\d\d /);
  client.close();
  await until('mail is put off', async () => (await fleet.metric('postfleet_refused_total', 'storage')) > 0);
  rmSync(filler);
  lossless(await mail.verdict());
  await until('there is room', async () => (await ready(fleet)).status === 200);
  expect(await mailReply(fleet)).toMatch(/^250 /);
  await until('all has ended', async () => (await fleet.metric('postfleet_queue_depth')) === 0);
  await fleet.stop();
});
