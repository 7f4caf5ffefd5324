/**
 * The texts of a folder become the declared world, or the list of everything that is wrong in any of them. Pure.
 */
import type { AnyResource } from '../kinds.ts';
import { validate } from '../validate.ts';
import type { FileText } from './reading.ts';
import { findMismatches } from './references.ts';
import { type Resources, gather } from './resources.ts';
import type { SourceProblem } from './source.ts';
import { type YamlDocument, parseYaml } from './yaml.ts';

export type Loaded =
  | { readonly kind: 'whole'; readonly resources: Resources }
  | { readonly kind: 'refused'; readonly problems: readonly SourceProblem[] };

interface Place {
  readonly file: string;
  readonly document: YamlDocument;
}

export function load(files: readonly FileText[]): Loaded {
  const places = new Map<AnyResource, Place>();
  const problems: SourceProblem[] = [];
  for (const { name: file, text } of files) {
    const { documents, problems: wrong } = parseYaml(text);
    problems.push(...wrong.map(({ line, problem }) => ({ file, line, path: '', problem })));
    for (const document of documents) problems.push(...take({ file, document }, places));
  }
  const all = [...places.keys()];
  for (const { resource, path, problem } of findMismatches(all))
    problems.push(placed(places.get(resource), path, problem));
  // With a file in doubt, what it declares is not missing: only a clean reading may say that there is no cluster.
  if (problems.length === 0 && !all.some(({ kind }) => kind === 'MTACluster')) problems.push(noCluster);
  return problems.length > 0
    ? { kind: 'refused', problems: problems.sort(byPlace) }
    : { kind: 'whole', resources: gather(all) };
}

const byPlace = (a: SourceProblem, b: SourceProblem): number =>
  a.file === b.file ? (a.line ?? 0) - (b.line ?? 0) : a.file < b.file ? -1 : 1;

const noCluster: SourceProblem = { file: '', path: '', problem: 'must hold exactly one MTACluster: there is none' };

/** Said at once: mail whose events nobody is told of would look as if nothing happened to it. */
const NO_WEBHOOKS = 'must not be EventSink: this release delivers no webhooks from a folder, see `postfleet trace`';

function take(place: Place, places: Map<AnyResource, Place>): SourceProblem[] {
  const validated = validate(place.document.value);
  if (validated.kind === 'invalid') return validated.problems.map(({ path, problem }) => placed(place, path, problem));
  places.set(validated.resource, place);
  return validated.resource.kind === 'EventSink' ? [placed(place, 'kind', NO_WEBHOOKS)] : [];
}

function placed(place: Place | undefined, path: string, problem: string): SourceProblem {
  return place ? { file: place.file, line: place.document.lineOf(path), path, problem } : { file: '', path, problem };
}
