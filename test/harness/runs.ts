/**
 * How often a property is tried: `npm run check` is for every few minutes and tries a quarter, everything else all.
 */
const isQuick = process.env['POSTFLEET_CHECK'] === 'quick';

/** Of `whole` tries those that are made now. */
export const runs = (whole: number): number => (isQuick ? Math.ceil(whole / 4) : whole);
