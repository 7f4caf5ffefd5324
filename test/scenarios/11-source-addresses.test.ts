/**
 * A pool with several addresses: mail leaves from each by its weight, and a connection keeps the one it has.
 */
import { expect, test } from 'vitest';
import { ConfigFolder } from '../harness/config.ts';
import { Mailbench } from '../harness/mailbench.ts';
import { Postfleet } from '../harness/postfleet.ts';
import { openScene } from '../harness/scene.ts';

const scene = openScene();

const member = (name: string, address: string, weight: number, suspend = false) => ({
  name,
  address,
  weight,
  suspend,
  egress: 'Local',
});

test('mail leaves from every usable address, by weight', async () => {
  const members = [
    member('light', '127.0.0.1', 1),
    member('heavy', '127.0.0.2', 3),
    member('idle', '127.0.0.3', 0),
    member('suspended', '127.0.0.4', 100, true),
  ];
  const config = await ConfigFolder.from(scene, 'bench', {
    IPPool: { spec: { members } },
    DestinationPolicy: { spec: { limits: { connections: 8, messagesPerConnection: 10 } } },
  });
  const fleet = await Postfleet.start(scene, config);
  const load = Mailbench.start(scene, {
    to: config.ports.submission,
    sink: config.ports.receiver,
    messages: 2000,
    connections: 20,
    flags: ['-dkim'],
  });
  expect(await load.verdict()).toMatchObject({ lost: 0, duplicates: 0, unsigned: 0, sourceIPs: 2 });
  expect(await fleet.stop()).toEqual({ code: 0, signal: null });
  const delivered = fleet.events().filter((it) => it.type === 'delivered');
  expect(delivered).toHaveLength(2000);
  const heavy = delivered.filter((it) => it.source === '127.0.0.2').length;
  expect(heavy / delivered.length).toBeGreaterThan(0.65);
  expect(heavy / delivered.length).toBeLessThan(0.85);
});
