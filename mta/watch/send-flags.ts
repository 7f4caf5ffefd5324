/**
 * What the command line of `postfleet send` takes, beside the data folder: the chart's test is started with it too.
 */
export const SEND_FLAGS: readonly (readonly [flag: string, does: string, standard?: string])[] = [
  ['--from <address>', 'sender (default: hello@ the first domain)'],
  ['--subject <text>', 'subject', 'Hello from Postfleet'],
  ['--text <text>', 'text', 'It works.'],
  ['--credential <folder>', 'in place of --data: the Secret of a SendingCredential, mounted'],
  ['--ca <file>', 'with --credential: whom to trust'],
  ['--any-certificate', 'with --credential: trust whoever answers'],
  ['--json', 'print JSON'],
];
