/**
 * `SendingCredential`: who may hand in mail, for which domains, by which protocol.
 *
 * The secret itself is never here: it is made, or a reference names it.
 */
import { networks, objectName } from '../address.ts';
import { grantedRef, quota, rate, secretRef, suspend } from '../parts.ts';
import { type Resource, document } from '../resource.ts';
import { type Infer, immutable, list, object, oneOf, set } from '../schema.ts';
import { moment } from '../time.ts';

const spec = object({
  clusterRef: immutable(grantedRef('MTACluster')).describe('The cluster that takes the mail.'),
  secretRef: secretRef()
    .exactOptional()
    .describe(
      'A password of your own. Without it a secret is made, with username, password, token, host, port and uri.',
    ),
  domainRefs: list(object({ name: objectName().describe('Name of the SendingDomain.') }), 256)
    .exactOptional()
    .describe('SendingDomains of this namespace it may send as; all of them when absent.'),
  networks: networks()
    .default([])
    .describe('Peers that send with this credential without AUTH. Whoever can connect from there can send.'),
  scopes: set(oneOf('Submit', 'Events', 'Suppressions'), 3, 1)
    .default(['Submit'])
    .describe('What it may be used for.'),
  protocols: set(oneOf('SMTP', 'HTTP'), 2, 1).default(['SMTP', 'HTTP']).describe('How it may be used.'),
  quota: quota().prefault({}).describe('How much may be handed in with it.'),
  rate: rate('Messages', 'as many as count').exactOptional().describe('How fast it may hand in messages.'),
  expiresAt: moment().exactOptional().describe('When it ceases to be valid.'),
  suspend: suspend('Refuses everything while true.'),
});

export const sendingCredential = document('SendingCredential', 'object', spec);
type SendingCredentialSpec = Infer<typeof spec>;
export type SendingCredential = Resource<'SendingCredential', SendingCredentialSpec>;

/** What AUTH gives as user: `<namespace>.<name>`. A namespace has no dot, so no two resources share one. */
interface Named {
  readonly metadata: { readonly namespace: string; readonly name: string };
}

export const usernameOf = ({ metadata: { namespace, name } }: Named): string => `${namespace}.${name}`;
