/**
 * What a run in a given cluster makes there, by name: everything of it can be found, and taken away, by whoever knows the run.
 */
import type { Images, Places } from '../ground.ts';

/** On nodes that it has labelled, whose value is the run. */
export const RUN_LABEL = 'postfleet.io/e2e';

export interface GivenPlaces extends Places {
  /** Where source, sink and name server are. */
  readonly bench: string;
}

/** `run`: letters and digits. */
export function placesOf(run: string): GivenPlaces {
  const name = `postfleet-e2e-${run}`;
  return { operator: name, egress: `${name}-egress`, mail: `${name}-mail`, bench: `${name}-bench` };
}

/** From `repository:tag` and another tag. Undefined when it is neither. */
export function imagesOf(image: string | undefined, next: string | undefined): Images | undefined {
  const [, repository, tag] = /^(\S+):([\w][\w.-]*)$/.exec(image ?? '') ?? [];
  return repository !== undefined && tag !== undefined && next !== undefined && next !== '' && next !== tag
    ? { repository, tag, next }
    : undefined;
}

/** Why nothing is done to a cluster that has these definitions; undefined when nothing speaks against it. */
export function whyNot(definitions: readonly string[]): string | undefined {
  if (definitions.some((it) => it.endsWith('.postfleet.io')))
    return 'it has definitions of Postfleet: what is declared there would be carried out, and removed, by the test. Take a cluster without';
  if (definitions.includes('dnsendpoints.externaldns.k8s.io'))
    return 'it has the definition of external-dns, which would publish the records of the test. Take a cluster without';
  return undefined;
}
