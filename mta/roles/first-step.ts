/**
 * How a first message is sent to this process, left in the data folder for `postfleet send`.
 */
import { join } from 'node:path';
import { usernameOf } from '#crds/kinds/sending-credential.ts';
import { endpointOf } from '../declared/declared.ts';
import type { Ground } from './ground.ts';
import { publishHint, type SubmissionHint } from '../watch/send.ts';

/** Absent without a credential, a domain and a listener. */
export async function publishFirstStep({ resources, data, own }: Ground): Promise<SubmissionHint | undefined> {
  const { credentials, domains } = resources();
  const endpoint = endpointOf(resources());
  const credential = credentials.find((it) => it.spec.secretRef === undefined);
  const domain = domains.find((it) => it.metadata.namespace === credential?.metadata.namespace);
  if (!endpoint || !credential || !domain) return undefined;
  const username = usernameOf(credential);
  const hint = {
    host: endpoint.host,
    port: endpoint.port,
    username,
    passwordFile: join(data, 'secrets', username, 'password'),
    certificateFile: own.certificateFile,
    from: `hello@${domain.spec.domain}`,
  };
  await publishHint(data, hint);
  return hint;
}
