import { describe, expect, it } from 'vitest';
import { defaultLimits } from './limits.ts';
import { hurried, isPressed, Pressure } from './pressure.ts';

describe('pressure', () => {
  it.each([
    [false, { connections: 0.79, memory: 0.59 }, false],
    [false, { connections: 0.8, memory: 0 }, true],
    [false, { connections: 0, memory: 0.6 }, true],
    [true, { connections: 0.7, memory: 0 }, true],
    [true, { connections: 0, memory: 0.5 }, true],
    [true, { connections: 0.69, memory: 0.49 }, false],
  ])('was %s, filled %j: is %s', (before, fills, is) => {
    expect(isPressed(before, fills)).toBe(is);
  });

  it('is not made by one sender alone, who comes to half of the memory', () => {
    expect(isPressed(false, { connections: 0, memory: 0.5 })).toBe(false);
  });

  it('never gives more than was given before', () => {
    const strict = { ...defaultLimits, commandTime: 1, dataTime: 2, handshakeTime: 3, errors: 1, junk: 1 };
    expect(hurried(strict)).toEqual(strict);
    expect(hurried(defaultLimits)).toMatchObject({ commandTime: 10_000, dataTime: 10_000, errors: 1, junk: 10 });
  });

  it('is told when it begins, not while it lasts, and limits are wide again when it ends', () => {
    let connections = 0;
    let began = 0;
    const fills = () => ({ connections, memory: 0 });
    const pressure = new Pressure(
      () => defaultLimits,
      fills,
      () => (began += 1),
    );
    expect(pressure.limits()).toBe(defaultLimits);
    connections = 0.9;
    const narrow = pressure.limits();
    expect(narrow.commandTime).toBe(10_000);
    expect(pressure.limits()).toBe(narrow);
    expect([began, pressure.isOn]).toEqual([1, true]);
    connections = 0;
    expect(pressure.limits()).toBe(defaultLimits);
    expect(began).toBe(1);
  });
});
