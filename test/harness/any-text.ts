/**
 * Text of any characters for properties.
 *
 * Instead of fast-check's unit `binary`, which lists all 1,112,064 characters in a map when it is first used: two seconds
 * and 100 MB in every process of a test run.
 */
import fc from 'fast-check';

const isSurrogate = (code: number): boolean => code >= 0xd800 && code <= 0xdfff;

const unit = fc
  .integer({ min: 0, max: 0x10_ffff })
  .filter((code) => !isSurrogate(code))
  .map((code) => String.fromCodePoint(code));

/** Strings that are Unicode, their lengths in characters. */
export const anyText = (constraints: { readonly maxLength?: number } = {}): fc.Arbitrary<string> =>
  fc.string({ ...constraints, unit });
