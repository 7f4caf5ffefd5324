/**
 * Where mail goes by DNS: MX rules and what is refused, by a real authority, a validating resolver and port 25.
 *
 * Receivers listen on loopback addresses of their own, port 25; one policy of the cluster allows just those.
 */
import { Resolver } from 'node:dns/promises';
import { beforeAll, expect, test } from 'vitest';
import { Authority, BROKEN } from '../harness/authority.ts';
import { ConfigFolder } from '../harness/config.ts';
import { Postfleet } from '../harness/postfleet.ts';
import { Receiver } from '../harness/receiver.ts';
import { openScene } from '../harness/scene.ts';
import { plainMessage, SmtpClient, submit } from '../harness/smtp-client.ts';
import { Unbound } from '../harness/unbound.ts';
import { until } from '../harness/until.ts';

const scene = openScene();
const GOOD = '127.0.0.81';
const SECOND = '127.0.0.82';
/** Allowed, and nobody listens. */
const DEAD = '127.0.0.83';
/** Where Postfleet listens itself. */
const OWN = '127.0.0.84';
/** Not allowed, and somebody listens. */
const INSIDE = '127.0.0.99';

const hundred = Array.from({ length: 100 }, (_, at) => `@ MX ${at} mx${at}\nmx${at} A ${at < 18 ? DEAD : GOOD}`);

const ZONES = {
  'good.test': `@ MX 10 mail\nmail A ${GOOD}`,
  'implicit.test': `@ A ${GOOD}`,
  'fallback.test': `@ MX 20 second\n@ MX 10 first\nfirst A ${DEAD}\nsecond A ${SECOND}`,
  'letters.test': `@ MX 10 plain\nplain A ${GOOD}\n@ MX 20 all\nall A ${SECOND}`,
  'ascii.test': `@ MX 10 plain\nplain A ${GOOD}`,
  'one-unknown.test': `@ MX 10 plain\nplain A ${GOOD}\n@ MX 20 a.circle.test.`,
  'half-dead.test': `@ MX 10 plain\nplain A ${GOOD}\n@ MX 20 dead\ndead A ${DEAD}`,
  'alias.test': '@ MX 10 mail\nmail CNAME mail.good.test.',
  'null.test': `@ MX 0 .\n@ A ${GOOD}`,
  'broken.test': BROKEN,
  'circle.test': '@ MX 10 a\na CNAME b\nb CNAME a',
  'nowhere-to.test': '@ MX 10 mail\nmail TXT "no address"',
  'ours.test': `@ MX 10 mail\nmail A ${OWN}\n@ MX 20 other\nother A ${GOOD}`,
  'named.test': '@ MX 10 mta.test.',
  'behind-us.test': `@ MX 10 first\nfirst A ${GOOD}\n@ MX 20 mail\nmail A ${OWN}`,
  'inside.test': `@ MX 10 a\n@ MX 20 b\na A ${INSIDE}\nb A 169.254.169.254\nb AAAA ::1`,
  'partly.test': `@ MX 10 a\n@ MX 20 b\na A ${INSIDE}\nb A ${GOOD}`,
  'number.test': `@ MX 10 ${INSIDE}.\n@ A ${GOOD}`,
  'hundred.test': hundred.join('\n'),
  'rebind.test': `@ 0 MX 10 mail\nmail 0 A ${GOOD}`,
};

let authority: Authority;
let unbound: Unbound;
let fleet: Postfleet;
const receivers = new Map<string, Receiver>();

beforeAll(async () => {
  authority = await Authority.start(scene, ZONES);
  unbound = await Unbound.start(scene, authority);
  const config = await ConfigFolder.from(scene, 'bench', {
    DestinationPolicy: { spec: { routes: undefined } },
    MTACluster: {
      spec: {
        dns: { resolvers: [unbound.server], allowPrivate: [`${GOOD}/32`, `${SECOND}/32`, `${DEAD}/32`, `${OWN}/32`] },
      },
    },
  });
  const { submission } = config.ports;
  const listeners = [
    { name: 'submission', protocol: 'SMTP', address: '127.0.0.1', port: submission },
    { name: 'exchange', protocol: 'SMTP', address: OWN, port: 25 },
  ];
  config.change('MTACluster', { spec: { ingress: { listeners } } });
  const extensions = ['PIPELINING', '8BITMIME', 'SMTPUTF8'];
  for (const address of [GOOD, SECOND, INSIDE])
    receivers.set(address, scene.adopt(await Receiver.listen(25, address === SECOND ? { extensions } : {}, address)));
  fleet = await Postfleet.start(scene, config);
});

/** What became of a message to `domain` first: `delivered 127.0.0.81`, or the type and the reply's codes. */
async function fateOf(domain: string): Promise<string> {
  return fate(await submit(fleet.ports.submission, 'hello@example.com', [`someone@${domain}`]), domain);
}

/** The same for a recipient whose name is not ASCII. */
async function fateOfUtf8(domain: string): Promise<string> {
  const client = await SmtpClient.open(fleet.ports.submission);
  const [from, to] = ['hello@example.com', `jürgen@${domain}`];
  for (const command of [`MAIL FROM:<${from}> SMTPUTF8`, `RCPT TO:<${to}>`, 'DATA']) await client.say(command);
  client.write(plainMessage(from, `someone@${domain}`));
  const [, id = ''] = /queued as (\S+)/.exec(await client.say('.')) ?? [];
  client.close();
  return fate(id, domain);
}

async function fate(id: string, domain: string): Promise<string> {
  const event = await until(`what became of mail for ${domain}`, () =>
    fleet.events().find((it) => it.message === id && it.type !== 'queued'),
  );
  if (event.type === 'delivered') return `delivered ${/\[(.*)\]/.exec(event.host ?? '')?.[1]}`;
  return `${event.type} ${event.reply.split(' ', 2).join(' ')}`;
}

test.each([
  ['its mail host', 'good.test', `delivered ${GOOD}`],
  ['itself for want of an MX', 'implicit.test', `delivered ${GOOD}`],
  ['the next host when the first is dead', 'fallback.test', `delivered ${SECOND}`],
  ['the end of an alias', 'alias.test', `delivered ${GOOD}`],
  ['who is before us', 'behind-us.test', `delivered ${GOOD}`],
])('mail for a domain goes to %s', async (_, domain, expected) => expect(await fateOf(domain)).toBe(expected));

test.each([
  ['C03: a null MX', 'null.test', 'bounced 556 5.1.10'],
  ['C03: a domain that does not exist', 'gone.test', 'bounced 550 5.1.2'],
  ['C03: an MX that is our own address', 'ours.test', 'bounced 550 5.4.6'],
  ['C03: an MX that is our own name', 'named.test', 'bounced 550 5.4.6'],
  ['C03: a zone nobody can load', 'broken.test', 'deferred 451 4.4.3'],
  ['C03: a mail host without an address', 'nowhere-to.test', 'deferred 451 4.4.4'],
  ['C02: a mail host in a circle of aliases', 'circle.test', 'deferred 451 4.4.3'],
  ['C01: mail hosts inside', 'inside.test', 'bounced 550 5.4.4'],
  ['C01: a mail host written as an address', 'number.test', 'deferred 451 4.4.4'],
])('%s', async (_, domain, expected) => expect(await fateOf(domain)).toBe(expected));

test.each([
  ['goes to the first host that offers SMTPUTF8', 'letters.test', `delivered ${SECOND}`],
  ['ends where no host offers SMTPUTF8', 'ascii.test', 'bounced 553 5.6.7'],
  ['waits where DNS does not tell of every host', 'one-unknown.test', 'deferred 451 4.4.1'],
  ['waits where not every host says what it offers', 'half-dead.test', 'deferred 451 4.4.1'],
])('mail to a name that is not ASCII %s, and other mail goes as ever', async (_, domain, expected) => {
  expect(await fateOfUtf8(domain)).toBe(expected);
  expect(await fateOf(domain)).toBe(`delivered ${GOOD}`);
});

test('C01: of mail hosts inside and outside those outside get the mail', async () => {
  expect(await fateOf('partly.test')).toBe(`delivered ${GOOD}`);
});

test('C02: of a hundred mail hosts five are tried', async () => {
  const failures = async (): Promise<number> => fleet.metric('postfleet_connect_failures_total');
  const before = await failures();
  expect(await fateOf('hundred.test')).toMatch(/^deferred 451 4\.4\.1/);
  expect((await failures()) - before).toBe(5);
});

test('C04: a name that leads inside the second time is refused the second time', async () => {
  expect(await fateOf('rebind.test')).toBe(`delivered ${GOOD}`);
  await authority.publish({ 'rebind.test': `@ 0 MX 10 mail\nmail 0 A ${INSIDE}` });
  const resolver = new Resolver();
  resolver.setServers([unbound.server]);
  await until('the new address', async () => (await resolver.resolve4('mail.rebind.test')).includes(INSIDE));
  // A connection that is open has been checked, and may take more mail.
  await until('no connection', async () => (await fleet.metric('postfleet_delivery_connections')) === 0, 20_000);
  expect(await fateOf('rebind.test')).toBe('bounced 550 5.4.4');
});

test('C01: an address in place of a domain is not accepted', async () => {
  const inside = submit(fleet.ports.submission, 'hello@example.com', [`someone@[${INSIDE}]`]);
  await expect(inside).rejects.toThrow('501 5.1.3');
});

test('C01: nobody inside was ever connected to', () => {
  expect(receivers.get(INSIDE)?.commands).toEqual([]);
  expect(receivers.get(INSIDE)?.connections).toBe(0);
});

test('what was asked is counted, and what needed no question too', async () => {
  expect(await fleet.metric('postfleet_dns_lookups_total', 'result="found"')).toBeGreaterThan(5);
  expect(await fleet.metric('postfleet_dns_lookups_total', 'result="no-such-name"')).toBeGreaterThan(0);
  await fateOf('good.test');
  expect(await fleet.metric('postfleet_dns_shared_total', 'by="cache"')).toBeGreaterThan(0);
  expect(await fleet.metric('postfleet_dns_ignored_total')).toBe(0);
});
