/**
 * Our reading of an address against Postfix's: what we accept, a real Postfix hands on to the same mailbox.
 */
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { parseAddress } from '#lib/address/address.ts';
import { starters } from '../../bench/relays.ts';
import { addresses } from '../harness/addresses.ts';
import { meaningOf } from '../harness/meaning.ts';
import { Receiver } from '../harness/receiver.ts';
import { openScene } from '../harness/scene.ts';
import { plainMessage, SmtpClient } from '../harness/smtp-client.ts';
import { until } from '../harness/until.ts';

const scene = openScene();

/** Canonical texts of what we accept, ASCII only: this Postfix is not told of SMTPUTF8. */
const accepted = [
  ...new Set(
    addresses().flatMap((text) => {
      const reading = parseAddress(text);
      return reading.kind === 'address' ? [reading.address.text] : [];
    }),
  ),
];

/** Fewer than Postfix takes in one transaction, and fewer refusals than make it slow. */
const MOST = { recipients: 500, refusals: 8 };

/** Sends one message to as many as may be in one transaction; how many were tried, and who was taken. */
async function offer(
  port: number,
  to: readonly string[],
): Promise<{ readonly tried: number; readonly taken: string[] }> {
  const client = await SmtpClient.open(port);
  await client.say('MAIL FROM:<a@example.com>');
  const taken: string[] = [];
  let tried = 0;
  while (tried < to.length && taken.length < MOST.recipients && tried - taken.length < MOST.refusals) {
    const address = to[tried++] ?? '';
    if ((await client.say(`RCPT TO:<${address}>`)).startsWith('250')) taken.push(address);
  }
  await client.say('DATA');
  client.write(plainMessage('a@example.com', 'b@example.com'));
  await client.say('.');
  client.close();
  return { tried, taken };
}

test('B02 what we accept means the same to Postfix', async () => {
  const postfix = await starters.Postfix(scene);
  try {
    const sink = scene.adopt(await Receiver.listen(postfix.sink));
    const taken: string[] = [];
    for (let from = 0; from < accepted.length;) {
      const offered = await offer(postfix.port, accepted.slice(from));
      from += offered.tried;
      taken.push(...offered.taken);
    }
    expect(taken.length).toBeGreaterThan(accepted.length * 0.9);
    const seen = (): string[] => sink.commands.flatMap((it) => /: RCPT TO:<(.*)>/.exec(it)?.[1] ?? []);
    await until('every recipient at the sink', () => seen().length >= taken.length, 30_000);
    expect(seen().map(meaningOf).toSorted()).toEqual(taken.map(meaningOf).toSorted());
  } finally {
    await postfix.stop();
  }
});

test('B02 the Postfix that was asked is a real one', () => {
  expect(execFileSync('/usr/sbin/postconf', ['-d', 'mail_version'], { encoding: 'utf8' })).toMatch(
    /^mail_version = \d/,
  );
});
