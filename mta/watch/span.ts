/**
 * A length of time as people write it: `90s`, `30m`, `2h`, `7d`.
 */
import { Fault } from '#lib/run/fault.ts';

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** In seconds. Throws the fault `bad-setting`; `flag` says where it was written. */
export function readSpan(flag: string, text: string): number {
  const [, count, unit = ''] = /^([1-9]\d{0,6})([smhd])$/.exec(text) ?? [];
  if (count !== undefined) return Number(count) * (SECONDS[unit] ?? 1);
  throw new Fault('bad-setting', `${flag} ${text}: must be a number and s, m, h or d, such as 30m or 2h`);
}

/** The other way, in milliseconds and at most two units: `1h 30m`; `0s` for what is less than a second. */
export function spanText(milliseconds: number): string {
  let left = Math.max(Math.floor(milliseconds / 1000), 0);
  const parts: string[] = [];
  for (const [unit, size] of Object.entries(SECONDS).toReversed()) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0) parts.push(`${count}${unit}`);
  }
  return parts.slice(0, 2).join(' ') || '0s';
}
