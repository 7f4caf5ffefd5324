/**
 * Files of zones as CoreDNS reads them.
 */
import type { ZoneLine } from './ground.ts';

export const ROOT = '.';

export interface Zone {
  readonly zone: string;
  readonly lines: readonly ZoneLine[];
  /** More than before, or it is not read. */
  readonly serial: number;
  /** Address of the name server. */
  readonly server: string;
}

export function zoneText({ zone, lines, serial, server }: Zone): string {
  const text = [
    `$ORIGIN ${zone === ROOT ? '' : zone}.`,
    '$TTL 1',
    `@ SOA ns hostmaster ${serial} 60 60 60 1`,
    '@ NS ns',
    `ns A ${server}`,
    ...lines,
  ];
  return `${text.join('\n')}\n`;
}

export const fileName = (zone: string): string => `${zone === ROOT ? 'root' : zone}.zone`;

/** Of CoreDNS' configuration: a file that is read anew within a second. */
export const reloading = (file: string, zone: string): string => `  file ${file} ${zone} {\n    reload 1s\n  }\n`;
