import { resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAddress } from '#lib/http/address.ts';
import { dataFolderOf, EXAMPLE, readSettings, type StandaloneFlags } from './settings.ts';

const FLAGS: StandaloneFlags = { metrics: '127.0.0.1:9464', admin: '127.0.0.1:9465' };

describe('an address', () => {
  test.each([
    ['127.0.0.1:9464', '127.0.0.1', 9464],
    ['[::1]:9464', '::1', 9464],
    ['[2001:db8::1]:0', '2001:db8::1', 0],
    ['localhost:1', 'localhost', 1],
    ['0.0.0.0:65535', '0.0.0.0', 65_535],
  ])('is read: %s', (text, host, port) => {
    expect(parseAddress('--metrics', text)).toEqual({ host, port });
  });

  test.each([
    '',
    '9464',
    ':9464',
    '127.0.0.1',
    '127.0.0.1:',
    '127.0.0.1:65536',
    'a b:1',
    '127.0.0.1:x',
    '127.0.0.1:-1',
  ])('that is none is a fault that names its setting: %j', (text) => {
    expect(() => parseAddress('--metrics', text)).toThrow(
      expect.objectContaining({
        code: 'bad-setting',
        message: expect.stringMatching(/^--metrics .*127\.0\.0\.1:9464$/s),
      }),
    );
  });

  test('has a host without spaces or brackets and a port that can be, or is a fault', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('[', ']', ':', '.', '1', '9', 'a', ' ', '\n') }), (text) => {
        const read = attempt(() => parseAddress('--admin', text));
        expect(read === undefined || (/^[^\s[\]]+$/.test(read.host) && read.port <= 65_535)).toBe(true);
      }),
    );
  });
});

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

describe('settings', () => {
  test('without flags are those of the example, whose data lies where we stand', () => {
    expect(readSettings(FLAGS)).toEqual({
      config: resolve(EXAMPLE),
      data: resolve('.data/standalone'),
      fresh: false,
      metrics: { host: '127.0.0.1', port: 9464 },
      admin: { host: '127.0.0.1', port: 9465 },
      hostname: expect.stringMatching(/^[a-z0-9.-]+$/),
    });
  });

  test('with flags are what they say, with whole paths', () => {
    const settings = readSettings({
      ...FLAGS,
      config: 'conf/mine',
      data: 'd',
      fresh: true,
      hostname: 'MX.Example.net',
    });
    expect(settings).toMatchObject({
      config: resolve('conf/mine'),
      data: resolve('d'),
      fresh: true,
      hostname: 'mx.example.net',
    });
  });

  test.each([
    ['conf/mine', '.data/mine'],
    ['conf/mine/', '.data/mine'],
    ['/etc/postfleet', '.data/postfleet'],
  ])('keep the data of %s in %s', (config, want) => {
    expect(dataFolderOf(config)).toBe(want);
  });

  test.each(['metrics', 'admin'] as const)('name the flag that is wrong: %s', (flag) => {
    expect(() => readSettings({ ...FLAGS, [flag]: 'nonsense' })).toThrow(`--${flag} nonsense`);
  });

  test('never hold a name of ours that could end a line of a greeting', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), (bytes) => {
        const hostname = Buffer.from(bytes).toString('latin1');
        expect(readSettings({ ...FLAGS, hostname }).hostname).toMatch(/^[a-z0-9.-]+$/);
      }),
    );
  });
});
