import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isPrivateAddress, matchesNetwork } from './private-address.ts';

const REFUSED = [
  '0.0.0.0', '0.1.2.3', '0.255.255.255',
  '10.0.0.0', '10.0.0.1', '10.255.255.255',
  '100.64.0.0', '100.64.0.1', '100.100.100.200', '100.127.255.255',
  '127.0.0.0', '127.0.0.1', '127.0.0.53', '127.255.255.255',
  '169.254.0.1', '169.254.169.254', '169.254.255.255',
  '172.16.0.0', '172.17.0.1', '172.31.255.255',
  '192.0.0.1', '192.0.0.170', '192.0.2.1', '192.88.99.1', '192.168.0.0', '192.168.1.1', '192.168.255.255',
  '198.18.0.1', '198.19.255.255', '198.51.100.7', '203.0.113.9',
  '224.0.0.1', '239.255.255.255', '240.0.0.1', '255.255.255.255',
  '::', '::1', '0:0:0:0:0:0:0:1', '0000:0000:0000:0000:0000:0000:0000:0001', '::2', '::7f00:1', '::127.0.0.1',
  '::8.8.8.8', '::ffff:127.0.0.1', '::FFFF:127.0.0.1', '::ffff:7f00:1', '0:0:0:0:0:ffff:7f00:0001',
  '::ffff:10.1.2.3', '::ffff:169.254.169.254', '::ffff:192.168.1.1', '::ffff:0.0.0.0', '::ffff:100.64.0.1',
  '::ffff:0:127.0.0.1', '64:ff9b::127.0.0.1', '64:ff9b::7f00:1', '64:FF9B::10.0.0.1', '64:ff9b::169.254.169.254',
  '64:ff9b:1::8.8.8.8', '64:ff9b:1::1', '2002:7f00:1::', '2002:7f00:0001::1', '2002:a00:1::1', '2002:c0a8:101::1',
  '2002:a9fe:a9fe::1', '100::1', '2001::1', '2001:0:4136:e378:8000:63bf:3fff:fdd2', '2001:10::1', '2001:20::1',
  '2001:db8::1', '2001:DB8:ffff::1', '3fff::1', '3fff:fff::1', '5f00::1', 'fc00::1', 'fd00::1', 'fd12:3456:789a::1',
  'fdff:ffff::1', 'fe80::1', 'fe80::1%eth0', 'febf::1', 'fec0::1', 'ff02::1', 'ff0e::1', '2606:4700::1111%lo',
  '', ' ', 'localhost', '0127.0.0.1', '127.1', '2130706433', '0x7f.0.0.1', '8.8.8.8 ', '8.8.8.8.', '[::1]', '1.2.3.4/32',
  '256.1.1.1', '::ffff:256.0.0.1', ':::1',
]; // prettier-ignore

const REACHABLE = [
  '1.1.1.1', '8.8.8.8', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '126.255.255.255', '128.0.0.1',
  '169.253.255.255', '169.255.0.0', '172.15.255.255', '172.32.0.0', '192.0.1.1', '192.0.3.0', '192.167.255.255',
  '192.169.0.0', '198.17.255.255', '198.20.0.0', '223.255.255.255', '::ffff:8.8.8.8', '::ffff:808:808',
  '64:ff9b::8.8.8.8', '2002:808:808::1', '2001:200::1', '2001:4860:4860::8888', '2606:4700::1111', '2a00:1450::1', '3ffe::1',
]; // prettier-ignore

describe('a private address', () => {
  test.each(REFUSED)('%j is refused', (address) => expect(isPrivateAddress(address)).toBe(true));
  test.each(REACHABLE)('%j is reachable', (address) => expect(isPrivateAddress(address)).toBe(false));

  test('an IPv4 address is judged alike in every IPv6 form that leads to it', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
        const hex = `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
        for (const form of [`::ffff:${address}`, `::ffff:${hex}`, `64:ff9b::${hex}`, `2002:${hex}::1`])
          expect([form, isPrivateAddress(form)]).toEqual([form, isPrivateAddress(address)]);
      }),
    );
  });

  test('no text makes it throw', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(() => isPrivateAddress(text)).not.toThrow();
      }),
    );
  });
});

describe('a network', () => {
  test.each([
    ['10.1.2.3', '10.0.0.0/8', true],
    ['11.1.2.3', '10.0.0.0/8', false],
    ['127.0.0.1', '127.0.0.1', true],
    ['127.0.0.2', '127.0.0.1', false],
    ['127.0.0.1', '127.0.0.1/32', true],
    ['8.8.8.8', '0.0.0.0/0', true],
    ['::1', '0.0.0.0/0', false],
    ['::1', '::1/128', true],
    ['::1', '::/0', true],
    ['fd00::7', 'fd00::/8', true],
    ['FD00::7', 'fd00::/8', true],
    ['fe00::7', 'fd00::/8', false],
    ['10.1.2.3', '::/0', false],
    ['10.1.2.3', '::ffff:0:0/96', false],
    ['::ffff:10.1.2.3', '10.0.0.0/8', true],
    ['fe80::1%eth0', 'fe80::/10', false],
    ['10.1.2.3', '10.0.0.0/33', false],
    ['10.1.2.3', '10.0.0.0/', false],
    ['10.1.2.3', '10.0.0.0/8/8', false],
    ['10.1.2.3', '10.0.0.0/-1', false],
    ['10.1.2.3', 'pods', false],
    ['', '0.0.0.0/0', false],
  ])('%s in %s is %s', (address, cidr, expected) => expect(matchesNetwork(address, cidr)).toBe(expected));

  test('no text makes it throw', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (address, cidr) => {
        expect(() => matchesNetwork(address, cidr)).not.toThrow();
      }),
    );
  });
});
