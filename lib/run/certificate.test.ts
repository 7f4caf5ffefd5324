import { X509Certificate, createPrivateKey } from 'node:crypto';
import { expect, it } from 'vitest';
import { selfMadeCertificate } from './certificate.ts';
import { FakeClock } from './fake-clock.ts';

it('names every host and address, fits its key, and lasts ten years', async () => {
  const clock = new FakeClock(Date.UTC(2026, 0, 2));
  const { cert, key } = await selfMadeCertificate(['mail.example', 'mx.example', '127.0.0.1', '::1'], clock);
  const made = new X509Certificate(cert);
  for (const name of ['mail.example', 'mx.example']) expect(made.checkHost(name)).toBe(name);
  for (const address of ['127.0.0.1', '::1']) expect(made.checkIP(address)).toBe(address);
  expect(made.checkPrivateKey(createPrivateKey(key))).toBe(true);
  expect(made.verify(made.publicKey)).toBe(true);
  expect(made.ca).toBe(false);
  expect(made.validFromDate.getTime()).toBeLessThan(clock.now());
  expect(made.validToDate.getUTCFullYear()).toBe(2035);
});
