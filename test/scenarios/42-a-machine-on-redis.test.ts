/**
 * A whole Postfleet whose limits are in Redis: they hold, mail goes on without Redis, and nobody reads its password.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ConfigFolder } from '../harness/config.ts';
import { Postfleet } from '../harness/postfleet.ts';
import { Receiver } from '../harness/receiver.ts';
import { RedisServer } from '../harness/redis.ts';
import { openScene } from '../harness/scene.ts';
import { submit } from '../harness/smtp-client.ts';
import { until } from '../harness/until.ts';

const scene = openScene();
const PASSWORD = 'canary-0815';

async function open() {
  const redis = await RedisServer.start(scene, { password: PASSWORD });
  const passwordRef = { name: 'redis', key: 'password' };
  const config = await ConfigFolder.from(scene, 'bench', {
    MTACluster: { spec: { limits: { redis: { url: redis.url, passwordRef } } } },
    DestinationPolicy: { spec: { limits: { connections: 2 } } },
  });
  mkdirSync(join(config.path, 'secrets/redis'), { recursive: true });
  const receiver = scene.adopt(await Receiver.listen(config.ports.receiver));
  return { redis, config, receiver };
}

const givePassword = ({ path }: ConfigFolder): void =>
  writeFileSync(join(path, 'secrets/redis/password'), `${PASSWORD}\n`);

const limitsPart = async ({ metricsUrl }: Postfleet) => {
  const { parts } = (await (await fetch(`${metricsUrl}/readyz`)).json()) as { parts: { part: string }[] };
  return parts.find(({ part }) => part === 'limits');
};

test('limits are in Redis, and mail goes on while it is away', async () => {
  const { redis, config, receiver } = await open();
  givePassword(config);
  const fleet = await Postfleet.start(scene, config);
  const send = (): Promise<string> => submit(fleet.ports.submission, 'hello@example.com', ['you@demo.test']);
  await until('Redis is reached', async () => (await fleet.metric('postfleet_limits_reachable')) === 1);
  expect(await limitsPart(fleet)).toEqual({ part: 'limits', ready: true });
  await fleet.event('delivered', await send());

  await redis.kill();
  await until('Redis is away', async () => (await fleet.metric('postfleet_limits_reachable')) === 0);
  expect(await limitsPart(fleet)).toMatchObject({ ready: true, reason: expect.stringContaining('Redis is away') });
  await fleet.event('delivered', await send());

  await redis.startAgain();
  await until('Redis is back', async () => (await fleet.metric('postfleet_limits_reachable')) === 1);
  await fleet.event('delivered', await send());
  expect(receiver.seen).toHaveLength(3);
  await fleet.stop();
  expect(fleet.log().map(({ msg }) => msg)).toContain('Redis is away: limits go at the share of this process');
  const told = [fleet.program.stdout, fleet.program.stderr, readFileSync(fleet.program.outFile, 'utf8')].join('\n');
  expect(told).not.toContain(PASSWORD);
});

test('a password that is declared and not there stops the start with what to do', async () => {
  const { config } = await open();
  await expect(Postfleet.start(scene, config)).rejects.toThrow(/secrets\/redis\/password/);
});
