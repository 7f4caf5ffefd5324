/**
 * What whoever starts one machine reads first: how to send, follow and end, as commands that work as they stand. Pure.
 */
import { relative } from 'node:path';
import { dataFolderOf, EXAMPLE } from './settings.ts';
import type { Standalone } from './standalone.ts';

/** Lines; `data` is its data folder from where we stand. */
export function firstSteps(running: Omit<Standalone, 'stop'>, data: string): string[] {
  const flag = data === dataFolderOf(EXAMPLE) ? '' : ` --data ${data}`;
  const { listeners, hint, received, metricsUrl } = running;
  return [
    `\npostfleet is ready: ${listeners.join(', ')}\n`,
    ...(hint ? sending(running, hint, data, flag) : []),
    `  follow       npx postfleet trace ID${flag}`,
    ...(received === undefined ? [] : [`  what came    is shown here and kept in ${relative('', received)}`]),
    `  metrics      ${metricsUrl}/metrics`,
    '  end          Ctrl-C\n',
  ];
}

function sending(
  { apiUrl }: Pick<Standalone, 'apiUrl'>,
  { host, port, username, from }: NonNullable<Standalone['hint']>,
  data: string,
  flag: string,
): string[] {
  const password = `"$(cat ${data}/secrets/${username}/password)"`;
  return [
    `  send         npx postfleet send --to you@demo.test${flag}`,
    `  or           swaks --server ${host}:${port} --tls --auth PLAIN --auth-user ${username} --auth-password ${password} --from ${from} --to you@demo.test`,
    ...(apiUrl === undefined ? [] : [`  by HTTP      ${curlLine(apiUrl, data, username, from)}`]),
  ];
}

/** One message by the HTTP API. */
function curlLine(url: string, data: string, username: string, from: string): string {
  const token = `"Authorization: Bearer $(cat ${data}/secrets/${username}/token)"`;
  const message = { from: { address: from }, to: [{ address: 'you@demo.test' }], subject: 'Hello', text: 'It works.' };
  return `curl ${url}/v1/messages -H ${token} -H 'Content-Type: application/json' -d '${JSON.stringify(message)}'`;
}
