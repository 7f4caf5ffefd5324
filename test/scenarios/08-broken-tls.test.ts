/**
 * A receiver whose TLS is broken still gets its mail where TLS is a wish, on a connection of its own, and never where
 * TLS is required.
 */
import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { ConfigFolder } from '../harness/config.ts';
import { Postfleet } from '../harness/postfleet.ts';
import { Receiver } from '../harness/receiver.ts';
import { openScene } from '../harness/scene.ts';
import { submit } from '../harness/smtp-client.ts';

const scene = openScene();
const WITH_TLS = ['PIPELINING', 'STARTTLS'];

/** Only once the handshake has begun: noise in the segment of the 220 would be something slipped in, not broken TLS. */
const noise = (socket: Socket): void => void socket.once('data', () => socket.write('this is no TLS record\r\n'));
const hangUp = (socket: Socket): void => void socket.destroy();

test.each([
  { how: 'answers the handshake with noise', handshake: noise },
  { how: 'hangs up in the handshake', handshake: hangUp },
])('a receiver that $how gets the message on a fresh connection in clear', async ({ handshake }) => {
  const config = await ConfigFolder.from(scene, 'bench');
  const receiver = scene.adopt(await Receiver.listen(config.ports.receiver, { extensions: WITH_TLS, handshake }));
  const fleet = await Postfleet.start(scene, config);
  const id = await submit(fleet.ports.submission, 'hello@example.com', ['you@demo.test']);
  const delivered = await fleet.event('delivered', id);
  expect(delivered).toMatchObject({ attempt: 1 });
  expect(delivered.tls).toBeUndefined();
  const commands = receiver.commands.map((it) => it.replace(/(\d: \w+).*/, '$1'));
  expect(commands.slice(0, 4)).toEqual(['1: EHLO', '1: STARTTLS', '2: EHLO', '2: MAIL']);
  expect(receiver.taken).toHaveLength(1);
  await fleet.stop();
});

test('where TLS is required the message waits, and no word of it goes out in clear', async () => {
  const config = await ConfigFolder.from(scene, 'bench', { DestinationPolicy: { spec: { tls: 'Required' } } });
  const receiver = scene.adopt(
    await Receiver.listen(config.ports.receiver, { extensions: WITH_TLS, handshake: noise }),
  );
  const fleet = await Postfleet.start(scene, config);
  const id = await submit(fleet.ports.submission, 'hello@example.com', ['you@demo.test']);
  const deferred = await fleet.event('deferred', id);
  expect(deferred.reply).toMatch(/^4\d\d 4\.7\.\d /);
  expect(receiver.commands.filter((it) => /MAIL|RCPT|DATA/.test(it))).toEqual([]);
  await fleet.stop();
});

test('where TLS is required, a receiver that offers none gets nothing', async () => {
  const config = await ConfigFolder.from(scene, 'bench', { DestinationPolicy: { spec: { tls: 'Required' } } });
  const receiver = scene.adopt(await Receiver.listen(config.ports.receiver));
  const fleet = await Postfleet.start(scene, config);
  const id = await submit(fleet.ports.submission, 'hello@example.com', ['you@demo.test']);
  expect((await fleet.event('deferred', id)).reply).toMatch(/^4\d\d 4\.7\.\d /);
  expect(receiver.commands.filter((it) => /MAIL|RCPT|DATA/.test(it))).toEqual([]);
  await fleet.stop();
});
