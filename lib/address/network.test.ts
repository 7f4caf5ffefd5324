import fc from 'fast-check';
import { BlockList } from 'node:net';
import { expect, it } from 'vitest';
import { networkOf } from './network.ts';

it.each([
  ['192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::', '2001:db8:1:2::/64'],
  ['2001:DB8:01:2:ffff::1', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['::', '0:0:0:0::/64'],
  ['::2:3:4:5:6:7:8', '0:2:3:4::/64'],
  ['1::4:5:6:7:8', '1:0:0:4::/64'],
  ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['unknown', 'unknown'],
])('%s is one of %s', (address, network) => {
  expect(networkOf(address)).toBe(network);
});

it('an IPv6 address lies in its network, as the platform reads both', () => {
  fc.assert(
    fc.property(fc.ipV6(), (address) => {
      const list = new BlockList();
      const [first = ''] = networkOf(address).split('::/');
      list.addSubnet(`${first}::`, 64, 'ipv6');
      expect(list.check(address, 'ipv6')).toBe(true);
    }),
  );
});
