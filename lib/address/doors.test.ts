import { expect, test } from 'vitest';
import { Doors } from './doors.ts';

const open = (connections: number, connectionsPerAddress: number): Doors =>
  new Doors(() => ({ connections, connectionsPerAddress }));

test('an IPv6 network of 64 bits is one address, an IPv4 address is one', () => {
  const doors = open(100, 2);
  expect(doors.enter('2001:db8:1:2::1')).toBeUndefined();
  expect(doors.enter('2001:db8:1:2:ffff::9')).toBeUndefined();
  expect(doors.enter('2001:db8:1:2:3::3')).toBe('too-many-from-address');
  expect(doors.enter('2001:db8:1:3::1')).toBeUndefined();
  expect([1, 2, 3].map((it) => doors.enter(`192.0.2.${it}`))).toEqual([undefined, undefined, undefined]);
});

test('who leaves makes room, and who was refused never counted', () => {
  const doors = open(2, 1);
  expect(doors.enter('192.0.2.1')).toBeUndefined();
  expect(doors.enter('192.0.2.1')).toBe('too-many-from-address');
  expect(doors.enter('192.0.2.1', true)).toBeUndefined();
  expect(doors.enter(undefined)).toBe('too-many-connections');
  expect(doors.fill).toBe(1);
  doors.leave('192.0.2.1');
  doors.leave('192.0.2.1');
  expect(doors.fill).toBe(0);
  expect(doors.enter('192.0.2.1')).toBeUndefined();
});
