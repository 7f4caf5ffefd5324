/**
 * May somebody do something? Asked of a real API server, as the administrator.
 */
import type { Kube, KubeType } from '#lib/kube/kube.ts';

const REVIEWS: KubeType = {
  group: 'authorization.k8s.io',
  version: 'v1',
  plural: 'subjectaccessreviews',
  kind: 'SubjectAccessReview',
};

/** `what`: `sendingdomains/status@postfleet.io`; `namespace` `''`: in all of them. */
export async function mayDo(kube: Kube, user: string, verb: string, what: string, namespace: string): Promise<boolean> {
  const [path = '', group = ''] = what.split('@');
  const [resource = '', subresource] = path.split('/');
  const where = namespace === '' ? {} : { namespace };
  const resourceAttributes = { verb, group, resource, ...(subresource !== undefined && { subresource }), ...where };
  const answer = await kube.create(REVIEWS, {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    metadata: { name: '' },
    spec: { user, groups: ['system:serviceaccounts', 'system:authenticated'], resourceAttributes },
  });
  if (answer.kind !== 'written') throw new Error(JSON.stringify(answer));
  return (answer.object['status'] as { allowed: boolean }).allowed;
}
