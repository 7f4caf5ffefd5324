/**
 * How much a credential may hand in: counted over restarts, and how fast.
 */
import { expect, test } from 'vitest';
import { ConfigFolder } from '../harness/config.ts';
import { Postfleet } from '../harness/postfleet.ts';
import { openScene } from '../harness/scene.ts';
import { submit } from '../harness/smtp-client.ts';

const scene = openScene();
const send = (fleet: Postfleet): Promise<string> =>
  submit(fleet.ports.submission, 'hello@example.com', ['you@demo.test']);
const credential = (spec: object) => ({ SendingCredential: { spec } });

test('a quota that is used up stays so after a restart', async () => {
  const config = await ConfigFolder.from(scene, 'bench', credential({ quota: { perHour: 2 } }));
  const fleet = await Postfleet.start(scene, config);
  await send(fleet);
  await send(fleet);
  const refusal =
    /^refused: 452 4\.7\.1 credential default\.app may send 2 recipients an hour: try again in \d+ minutes/;
  await expect(send(fleet)).rejects.toThrow(refusal);
  await fleet.stop();
  const again = await Postfleet.start(scene, config, { data: fleet.data });
  await expect(send(again)).rejects.toThrow(refusal);
  await again.stop();
});

test('a credential that is too fast is told when to go on, at MAIL', async () => {
  const rate = { count: 2, perSeconds: 600 };
  const fleet = await Postfleet.start(scene, await ConfigFolder.from(scene, 'bench', credential({ rate })));
  await send(fleet);
  await send(fleet);
  await expect(send(fleet)).rejects.toThrow(
    /^refused: 450 4\.7\.1 .* 2 messages in 600 seconds: try again in \d+ seconds/,
  );
  await fleet.stop();
});
