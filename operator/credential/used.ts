/**
 * When credentials were used last, as pods of ingress tell (`lib/keyring/used.ts`). Pure, but for reading what is there.
 */
import { typeOfKind } from '#crds/definition.ts';
import { type SendingCredential, usernameOf } from '#crds/kinds/sending-credential.ts';
import { USED_REPORT, type UsedWord, usedWordIn } from '#lib/keyring/used.ts';
import { kubeKey, type KubeObject } from '#lib/kube/kube.ts';
import { LEASES } from '#lib/kube/pod-report.ts';
import type { Instant } from '#lib/run/clock.ts';
import type { ClusterRoute } from '../grants.ts';
import { podsIn, wordIn, wordsOf } from '../pods.ts';
import type { World } from '../world.ts';
import { lastUsedIn } from './plan.ts';

/** The last day, in UTC, as the pods of its cluster tell that run now. */
export function usedOn(
  world: World,
  now: Instant,
  credential: SendingCredential,
  route: ClusterRoute,
): string | undefined {
  if (route.kind === 'refused') return undefined;
  const { name, namespace } = route.cluster.metadata;
  const words = wordsOf(podsIn(world, namespace), name, 'ingress', USED_REPORT);
  return latest(
    words.flatMap((it) => usedWordIn(it, now) ?? []),
    usernameOf(credential),
  );
}

/** `namespace/name` of those that pods tell of what is not in their status yet. Looks at everything. */
export function usedAnew(world: World, now: Instant): string[] {
  const words = world.objects(LEASES).flatMap((it) => usedWordIn(wordIn(it, USED_REPORT), now) ?? []);
  if (words.length === 0) return [];
  const isNews = (it: KubeObject): boolean => (latest(words, nameOf(it)) ?? '') > (lastUsedIn(it) ?? '');
  return world
    .objects(typeOfKind('SendingCredential'))
    .filter(isNews)
    .map(({ metadata }) => kubeKey(metadata));
}

const nameOf = ({ metadata: { namespace = '', name } }: KubeObject): string =>
  usernameOf({ metadata: { namespace, name } });

const latest = (words: readonly UsedWord[], username: string): string | undefined =>
  words
    .filter(({ names }) => names.has(username))
    .map(({ day }) => day)
    .toSorted()
    .at(-1);
