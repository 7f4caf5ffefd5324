/**
 * Objects of the API as resources: each judged once for each of its versions, the last good one kept while it is not valid.
 */
import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '#lib/kube/kube.ts';
import { keyOf } from '../resource.ts';
import { validate } from '../validate.ts';
import { type Judged, asGranted } from './admitted.ts';
import type { SourceProblem } from './source.ts';

interface Verdict {
  readonly uid: string | undefined;
  readonly version: string | undefined;
  /** The newest valid one. */
  readonly good: Judged | undefined;
  readonly problems: readonly SourceProblem[];
}

export class Judge {
  #verdicts = new Map<string, Verdict>();

  /** A resource is the same object as long as it declares the same, whatever its status says. */
  judge(objects: Iterable<KubeObject>): {
    readonly judged: readonly Judged[];
    readonly problems: readonly SourceProblem[];
  } {
    const verdicts = new Map<string, Verdict>();
    for (const object of objects) {
      const name = nameOf(object);
      verdicts.set(name, verdictOn(object, name, this.#verdicts.get(name)));
    }
    this.#verdicts = verdicts;
    const all = [...verdicts.values()];
    return {
      judged: all.flatMap(({ good }) => (good ? [good] : [])),
      problems: all.flatMap(({ problems }) => problems).sort((a, b) => (a.file < b.file ? -1 : 1)),
    };
  }
}

const nameOf = ({ kind, metadata: { namespace = 'default', name } }: KubeObject): string =>
  `${kind} ${keyOf({ namespace, name })}`;

function verdictOn(object: KubeObject, file: string, before: Verdict | undefined): Verdict {
  const { uid, resourceVersion: version } = object.metadata;
  if (before && before.uid === uid && before.version === version) return before;
  const earlier = before?.uid === uid ? before?.good : undefined;
  const validated = validate(object);
  if (validated.kind === 'invalid') {
    const problems = validated.problems.map(({ path, problem }) => ({ file, path, problem }));
    return { uid, version, good: earlier, problems };
  }
  const resource = asGranted(object, validated.resource);
  const isSame = earlier !== undefined && isDeepStrictEqual(earlier.resource, resource);
  return { uid, version, good: { object, resource: isSame ? earlier.resource : resource }, problems: [] };
}
