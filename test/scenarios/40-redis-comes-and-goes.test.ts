import { afterEach, expect, test } from 'vitest';
import { Fault, reasonOf } from '#lib/run/fault.ts';
import { selfMadeCertificate } from '#lib/run/certificate.ts';
import { openRedis, type Redis, type Script } from '#lib/redis/redis.ts';
import { RedisServer, type RedisServerOptions } from '../harness/redis.ts';
import { openScene } from '../harness/scene.ts';
import { until } from '../harness/until.ts';

const stage = openScene();
const opened: Redis[] = [];
afterEach(() => {
  for (const it of opened.splice(0)) it.close();
});

const PASSWORD = 'canary-4711';
const COUNT: Script = { name: 'count', lua: `return redis.call('INCRBY', KEYS[1], ARGV[1])` };
const WRONG: Script = { name: 'wrong', lua: `return redis.call('INCR', KEYS[1], 'too', 'many')` };

async function open(options: RedisServerOptions = {}, password = options.password) {
  const server = await RedisServer.start(stage, options);
  const redis = openRedis({ url: server.url, password });
  opened.push(redis);
  return { server, redis };
}

const ready = (redis: Redis) => until('Redis is ready', () => redis.isReady);
const codeOfRun = (redis: Redis, script = COUNT) =>
  redis.run(script, ['n'], [1]).then(
    (value) => value,
    (thrown: unknown) => (thrown instanceof Fault ? thrown.code : thrown),
  );

test('a script runs, by its name and with its arguments', async () => {
  const { redis } = await open({ password: PASSWORD });
  await ready(redis);
  expect([await redis.run(COUNT, ['n'], [2]), await redis.run(COUNT, ['n'], [3])]).toEqual([2, 5]);
  expect(await codeOfRun(redis, WRONG)).toBe('redis-refused');
});

test('while the server is down a script is refused at once, and when it is back the connection is', async () => {
  const { server, redis } = await open();
  let connections = 0;
  redis.onReady(() => (connections += 1));
  await ready(redis);
  await redis.run(COUNT, ['n'], [1]);
  await server.kill();
  await until('the connection is gone', () => !redis.isReady);
  expect(await codeOfRun(redis)).toBe('redis-away');
  await until('somebody could say why', () => redis.trouble?.includes('ECONNREFUSED'));
  await server.startAgain();
  await ready(redis);
  expect(await codeOfRun(redis)).toBe(1);
  expect(connections).toBe(2);
});

test('a server that answers nothing is away in time, and what was sent is not sent again', async () => {
  const { server, redis } = await open();
  await ready(redis);
  server.freeze();
  expect(await codeOfRun(redis)).toBe('redis-away');
  await until('the connection is left', () => !redis.isReady);
  server.thaw();
  await ready(redis);
  expect(await redis.run(COUNT, ['n'], [0])).toBeLessThanOrEqual(1);
});

test('a server that keeps its data has it after a kill', async () => {
  const { server, redis } = await open({ keeps: true });
  await ready(redis);
  await redis.run(COUNT, ['n'], [41]);
  await server.kill();
  await until('the connection is gone', () => !redis.isReady);
  await server.startAgain();
  await ready(redis);
  expect(await codeOfRun(redis)).toBe(42);
});

test('over TLS a script runs where the certificate is trusted, and nowhere else', async () => {
  const tls = await selfMadeCertificate(['127.0.0.1']);
  const { server } = await open({ tls });
  const [trusting, other] = [tls.cert, undefined].map((ca) => openRedis({ url: server.url, ca }));
  for (const it of [trusting, other]) if (it) opened.push(it);
  await until('the connection is there', () => trusting?.isReady);
  expect(trusting && (await codeOfRun(trusting))).toBe(1);
  await until('the other has refused', () => other?.trouble?.includes('self-signed'));
  expect(other?.isReady).toBe(false);
});

test('with a wrong password nothing runs, and nobody reads either password', async () => {
  const { redis } = await open({ password: PASSWORD }, 'wrong-canary');
  await until('the server has refused', () => redis.trouble?.includes('WRONGPASS'));
  const thrown: unknown = await redis.run(COUNT, ['n'], [1]).catch((it: unknown) => it);
  const told = `${reasonOf(thrown)} ${redis.trouble} ${JSON.stringify(thrown)} ${String((thrown as Error).stack)}`;
  expect(told).not.toContain('canary');
});
