import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Certificate, selfMadeCertificate } from '#lib/run/certificate.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { Stage } from '../../test/harness/stage.ts';
import { until } from '../../test/harness/until.ts';
import { certificateOf, type CertificatesOptions, LOOK_EVERY, ownCertificate } from './certificate.ts';

const LISTENER = { name: 'submission', tls: { certificateRefs: [{ name: 'cert' }] } };

let stage: Stage;
let clock: FakeClock;
let config: string;
let options: CertificatesOptions;
let logged: string[];

beforeEach(async () => {
  stage = new Stage();
  clock = new FakeClock();
  config = stage.folder('config');
  mkdirSync(join(config, 'secrets', 'cert'), { recursive: true });
  logged = [];
  const note = (message: string, fields?: object): void => void logged.push(`${message} ${JSON.stringify(fields)}`);
  const log = { info: note, warn: note, error: note, flush: async () => undefined };
  options = { config, own: await ownCertificate(stage.folder('data'), ['localhost'], clock), clock, log };
});
afterEach(() => stage.end(false));

function put({ cert, key }: Certificate): void {
  writeFileSync(join(config, 'secrets/cert/tls.crt'), cert);
  writeFileSync(join(config, 'secrets/cert/tls.key'), key);
}

async function looksAgain(): Promise<void> {
  await until('a look is planned', () => clock.timers === 1);
  clock.advance(LOOK_EVERY);
  await until('it has looked', () => clock.timers === 1);
}

test('a certificate that changes is shown from then on, one that stays keeps its sessions', async () => {
  const [one, two] = await Promise.all([selfMadeCertificate(['one.test']), selfMadeCertificate(['two.test'])]);
  put(one);
  const certificate = await certificateOf(LISTENER, options);
  const first = certificate.current;
  await looksAgain();
  expect(certificate.current).toBe(first);
  put(two);
  await looksAgain();
  expect(certificate.current.cert.toString()).toBe(two.cert);
  certificate.close();
  expect(clock.timers).toBe(0);
});

test('while a certificate does not fit its key the last good one is shown, and that is told without the key', async () => {
  const [one, two] = await Promise.all([selfMadeCertificate(['one.test']), selfMadeCertificate(['two.test'])]);
  put(one);
  const certificate = await certificateOf(LISTENER, options);
  put({ cert: one.cert, key: two.key });
  await looksAgain();
  expect(certificate.current.cert.toString()).toBe(one.cert);
  expect(logged.join()).toContain('the last good certificate stays in use');
  expect(logged.join()).not.toContain('PRIVATE KEY');
  certificate.close();
});

test('a listener that names none shows our own; one whose Secret is missing is not opened', async () => {
  const none = await certificateOf({ name: 'api' }, options);
  expect(none.current.cert).toEqual(options.own.cert);
  await expect(certificateOf(LISTENER, options)).rejects.toMatchObject({ code: 'certificate-invalid' });
});
