/**
 * Resources are changed while it runs: what is right counts at once, what is wrong is told and changes nothing.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { ConfigFolder } from '../harness/config.ts';
import { Postfleet } from '../harness/postfleet.ts';
import { Receiver } from '../harness/receiver.ts';
import { openScene } from '../harness/scene.ts';
import { plainMessage, SmtpClient, submit } from '../harness/smtp-client.ts';
import { until } from '../harness/until.ts';

const scene = openScene();
let config: ConfigFolder;
let fleet: Postfleet;
let receiver: Receiver;

beforeAll(async () => {
  config = await ConfigFolder.from(scene, 'bench');
  receiver = scene.adopt(await Receiver.listen(config.ports.receiver));
  fleet = await Postfleet.start(scene, config);
});

const send = (domain: string): Promise<string> =>
  submit(fleet.ports.submission, `a@${domain}`, ['you@demo.test']).catch((thrown: Error) => thrown.message);
const problems = (): Promise<number> => fleet.metric('postfleet_resource_problems');
const SECOND_DOMAIN = `apiVersion: postfleet.io/v1alpha1
kind: SendingDomain
metadata: { name: second }
spec: { domain: second.example, poolRef: { name: main }, verification: Skip, dkim: { algorithms: [Ed25519] } }
`;

test('a broken file is told with its place, and the last good state stays in use', async () => {
  const good = config.read('3-domain.yaml');
  config.write('3-domain.yaml', good.replace('domain: example.com', 'domain: "not a domain"'));
  await until('the problem is counted', async () => (await problems()) > 0);
  const told = await until('the problem is told', () => fleet.log().find((it) => it.level === 'error'));
  expect(told['reason']).toMatch(/3-domain\.yaml.*spec\.domain/);
  expect(await send('example.com')).toMatch(/^\w{26}$/);

  config.write('3-domain.yaml', 'kind: [');
  await until('the next problem is told', () => fleet.log().filter((it) => it.level === 'error').length > 1);
  expect(await send('example.com')).toMatch(/^\w{26}$/);

  config.write('3-domain.yaml', good);
  await until('all is well', async () => (await problems()) === 0);
});

test('a new domain gets its key and sends, without a restart', async () => {
  expect(await send('second.example')).toMatch(/^refused: 550 5\.7\.1 .*second\.example/);
  config.write('6-second.yaml', SECOND_DOMAIN);
  const id = await until('mail is taken', async () => /^\w{26}$/.exec(await send('second.example'))?.[0]);
  await fleet.event('delivered', id);
  const { raw } = receiver.taken.find((it) => it.sender === 'a@second.example') ?? { raw: '' };
  expect(raw.toString()).toMatch(/^DKIM-Signature: .*d=second\.example;/ms);
  expect(
    readdirSync(join(fleet.data, 'keyring/dkim/default')).filter((it) => it.includes('second.example')),
  ).toHaveLength(1);
});

test('a domain that is suspended takes nothing new; what is queued is still delivered', async () => {
  config.write('6-second.yaml', SECOND_DOMAIN.replace('spec: {', 'spec: { suspend: true,'));
  const said = await until('a refusal', async () => /^refused: .*/.exec(await send('second.example'))?.[0]);
  expect(said).toBe('refused: 550 5.7.1 SendingDomain second.example is suspended');
  expect(await send('example.com')).toMatch(/^\w{26}$/);
});

test('a credential that is suspended is refused in the session it has open', async () => {
  const client = await SmtpClient.open(fleet.ports.submission);
  expect(await client.send('a@example.com', ['you@demo.test'], plainMessage('a@example.com', 'you@demo.test'))).toMatch(
    /^250 /,
  );
  config.change('SendingCredential', { spec: { suspend: true } });
  const said = await until('a refusal', async () => {
    const reply = await client.say('MAIL FROM:<a@example.com>');
    if (reply.startsWith('250')) await client.say('RSET');
    return reply.startsWith('250') ? undefined : reply;
  });
  expect(said).toBe('550 5.7.8 credential default.app is suspended, expired or removed');
  client.close();
  expect(await send('example.com')).toMatch(/^refused: 530 /);
});

test('everything that was accepted was delivered, once', async () => {
  await fleet.stop();
  const ids = (type: string) =>
    fleet
      .events()
      .filter((it) => it.type === type)
      .map((it) => it.message);
  expect(new Set(ids('delivered'))).toEqual(new Set(ids('queued')));
  expect(receiver.taken).toHaveLength(ids('queued').length);
});
