/**
 * Pods that report what they have of the keyring, as the controller manager and the pods themselves would make it.
 */
import { parseBundle } from '#lib/keyring/bundle.ts';
import { KEYRING_REPORT, REPORTS_KEYRING } from '#lib/keyring/report.ts';
import type { Kube, KubeObject } from '#lib/kube/kube.ts';
import { LEASES } from '#lib/kube/pod-report.ts';
import { PODS, SECRETS } from '#operator/types.ts';
import { textIn } from './operated.ts';

export const keyringSecrets = async (kube: Kube, namespace: string): Promise<KubeObject[]> => {
  const { objects } = await kube.list(SECRETS, { namespace });
  return objects.filter(({ type }) => type === 'postfleet.io/keyring');
};

/** Files of a Secret of the keyring. */
export const filesIn = (secret: KubeObject): ReadonlyMap<string, string> =>
  parseBundle(textIn(secret, 'bundle.json'))?.files ?? new Map();

/** The keyring as a pod has it when it has read all of it: revisions by path. */
export async function wholeKeyring(kube: Kube, namespace: string): Promise<Record<string, string>> {
  const secrets = await keyringSecrets(kube, namespace);
  return Object.fromEntries(
    secrets.flatMap((secret) => {
      const [, folder, number = 'bundle'] =
        /-keyring-(dkim|credentials|return-path)(?:-(\d\d))?$/.exec(secret.metadata.name) ?? [];
      const revision = parseBundle(textIn(secret, 'bundle.json'))?.revision ?? '';
      return folder === undefined ? [] : [[`${folder}/${number}.json`, revision] as const];
    }),
  );
}

/** A pod of the cluster `main`, and what it reports. */
export async function reportKeyring(
  kube: Kube,
  namespace: string,
  component: 'ingress' | 'worker',
  keyring: Readonly<Record<string, string>>,
): Promise<void> {
  const labels = {
    'app.kubernetes.io/name': 'postfleet',
    'app.kubernetes.io/instance': 'main',
    'app.kubernetes.io/component': component,
  };
  const metadata = { name: `main-${component}-1`, namespace };
  const spec = { containers: [{ name: component, image: 'postfleet' }] };
  await kube.apply(PODS, { apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata, labels }, spec }, 'test');
  const annotations = { [KEYRING_REPORT]: JSON.stringify(keyring) };
  const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' };
  await kube.apply(LEASES, { ...lease, metadata: { ...metadata, labels: REPORTS_KEYRING, annotations } }, 'test');
}
