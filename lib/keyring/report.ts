/**
 * Tells the operator which keyring this pod has in use: the revision of each bundle.
 *
 * A key becomes active when every worker has reported it, so a pod that cannot report holds up rotations and nothing else.
 */
import { PodReport, type PodReportOptions } from '#lib/kube/pod-report.ts';
import type { FolderKeyring } from './folder.ts';

export interface ReportOptions extends Pick<PodReportOptions, 'kube' | 'clock' | 'pod' | 'failed'> {
  readonly keyring: Pick<FolderKeyring, 'revisions' | 'onChange'>;
}

/** The annotation, `{"dkim/00.json": "<revision>", …}`, and the label of every such Lease. */
export const KEYRING_REPORT = 'postfleet.io/keyring';
export const REPORTS_KEYRING = { 'postfleet.io/reports': 'keyring' } as const;

/** Begins to tell. */
export const reportKeyring = ({ keyring, ...options }: ReportOptions): PodReport =>
  new PodReport({
    ...options,
    labels: REPORTS_KEYRING,
    annotation: KEYRING_REPORT,
    text: () => JSON.stringify(Object.fromEntries(keyring.revisions())),
    onChange: (listener) => keyring.onChange(listener),
    manager: 'postfleet-keyring',
  });
