/**
 * What smugglers put in a message: the end of data as some server or other reads it, and a transaction behind it.
 */

/** The sequences of the public scanner for CVE-2023-51764, -51765 and -51766: none is the end of data. */
export const SMUGGLED = [
  '\n.\n',
  '\n.\r\n',
  '\r.\n',
  '\r.\r',
  '\n.\r',
  '\r.\r\n',
  '\r\n.\r\r\n',
  '\r\r\n.\r\r\n',
  '\r\n\0.\r\n',
] as const;

/** Lines that are text of a message, if they are handed in where they may be. */
export const HONEST = [
  '\r\n.\r\n',
  '\r\n..\r\n',
  '\r\n...\r\n',
  '\r\n.\r\n.\r\n',
  '\r\n. \r\n',
  '\r\n\t.\r\n',
] as const;

/** What would be a transaction of its own. */
export const HIDDEN =
  'MAIL FROM:<evil@client.example>\r\nRCPT TO:<victim@mail.example>\r\nDATA\r\nSubject: evil\r\n\r\nevil\r\n.\r\n';
