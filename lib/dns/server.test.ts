import { isIP } from 'node:net';
import { expect, test } from 'vitest';
import { machineServers, nameServersIn, parseServer } from './server.ts';

test.each([
  ['192.0.2.53', { address: '192.0.2.53', port: 53 }],
  ['192.0.2.53:5353', { address: '192.0.2.53', port: 5353 }],
  ['2001:db8::53', { address: '2001:db8::53', port: 53 }],
  ['[2001:db8::53]', { address: '2001:db8::53', port: 53 }],
  ['[2001:db8::53]:5353', { address: '2001:db8::53', port: 5353 }],
  ['::1', { address: '::1', port: 53 }],
])('%s is %j', (text, server) => expect(parseServer(text)).toEqual(server));

test.each([
  ['its servers in order', 'search a.test\nnameserver 10.0.0.1\nnameserver\t::1\noptions ndots:5\n', ['10.0.0.1', '::1']],
  ['three of them', [1, 2, 3, 4].map((at) => `nameserver 10.0.0.${at}`).join('\n'), ['10.0.0.1', '10.0.0.2', '10.0.0.3']],
  ['what follows a comment', 'nameserver 10.0.0.1 # near\n#nameserver 10.0.0.2\n; nameserver 10.0.0.3', ['10.0.0.1']],
  ['this machine for want of any', 'nameserver\nnameserver localhost\n', ['127.0.0.1']],
  ['this machine when it is empty', '', ['127.0.0.1']],
])('resolv.conf gives %s', (_, text, addresses) =>
  expect(nameServersIn(text)).toEqual(addresses.map((address) => ({ address, port: 53 }))),
); // prettier-ignore

test('a machine has servers, whatever its resolv.conf', async () => {
  const servers = await machineServers();
  expect(servers.length).toBeGreaterThan(0);
  expect(servers.every((it) => isIP(it.address) !== 0)).toBe(true);
});
