/**
 * What a pod tells the operator of its keyring: the revision of each bundle that it has in use.
 *
 * A key becomes active when every worker has told it, so a pod that cannot tell holds up rotations and nothing else.
 */
import type { PodWord } from '#lib/kube/pod-report.ts';
import type { FolderKeyring } from './folder.ts';

/** The annotation, `{"dkim/00.json": "<revision>", …}`. */
export const KEYRING_REPORT = 'postfleet.io/keyring';
/** The label of every Lease by which a pod that takes or sends mail tells something. */
export const REPORTS_KEYRING = { 'postfleet.io/reports': 'keyring' } as const;

export const keyringWord = (keyring: Pick<FolderKeyring, 'revisions' | 'onChange'>): PodWord => ({
  annotation: KEYRING_REPORT,
  text: () => JSON.stringify(Object.fromEntries(keyring.revisions())),
  onChange: (listener) => keyring.onChange(listener),
  manager: 'postfleet-keyring',
});
