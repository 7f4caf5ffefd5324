import { expect, test } from 'vitest';
import { providerOf, type Whereabouts } from './provider.ts';

test.each<[Whereabouts, string | undefined]>([
  [{ domain: 'gmail.com' }, 'google'],
  [{ domain: 'example.com' }, undefined],
  [{ domain: 'sub.gmail.com' }, undefined],
  [{ domain: 'example.com', hosts: ['aspmx.l.google.com', 'alt1.aspmx.l.google.com'] }, 'google'],
  [{ domain: 'example.com', hosts: ['aspmx.l.google.com', 'mx.example.com'] }, undefined],
  [{ domain: 'example.com', hosts: ['mx.example.com'] }, undefined],
  [{ domain: 'gmail.com', hosts: ['127.0.0.1'] }, 'google'],
  [{ hosts: ['hotmail-com.olc.protection.outlook.com'] }, 'outlook'],
  [{ hosts: ['example-com.mail.protection.outlook.com'] }, 'office365'],
  [{ hosts: ['example-com.q-v1.mx.microsoft'] }, 'office365'],
  [{ hosts: ['notgoogle.com'] }, undefined],
  [{ hosts: ['mx.google.com.example'] }, undefined],
  [{ hosts: [''] }, undefined],
  [{}, undefined],
])('%j is %s', (where, want) => {
  expect(providerOf(where)).toBe(want);
});
