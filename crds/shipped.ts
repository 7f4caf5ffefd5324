/**
 * The policies that come with the product: what providers take, and what replies mean. Documents in `shipped/`.
 *
 * They hold below a user's own: what a policy of theirs says of a destination comes first. A document of ours that is
 * not valid is a bug.
 */
import { strict as assert } from 'node:assert';
import { readdirSync, readFileSync } from 'node:fs';
import type { DestinationPolicy } from './kinds/destination-policy.ts';
import { parseYaml } from './source/yaml.ts';
import { validate } from './validate.ts';

/** Where the documents are, a policy each. */
const FOLDER = new URL('shipped/', import.meta.url);

export interface Shipped {
  /** By provider. */
  readonly providers: ReadonlyMap<string, DestinationPolicy>;
  /** What holds everywhere. */
  readonly every: DestinationPolicy;
}

let loaded: Shipped | undefined;

/** Read once, when first asked for. */
export function shippedPolicies(): Shipped {
  loaded ??= load();
  return loaded;
}

function load(): Shipped {
  const providers = new Map<string, DestinationPolicy>();
  let every: DestinationPolicy | undefined;
  for (const file of readdirSync(FOLDER).toSorted()) {
    const policy = read(file);
    if (policy.spec.match.provider === undefined) every = policy;
    else providers.set(policy.spec.match.provider, policy);
  }
  assert(every, 'a shipped policy holds everywhere');
  return { providers, every };
}

function read(file: string): DestinationPolicy {
  const { documents, problems } = parseYaml(readFileSync(new URL(file, FOLDER), 'utf8'));
  assert(documents.length === 1 && problems.length === 0, `${file} is one YAML document: ${problems[0]?.problem}`);
  const validated = validate(documents[0]?.value);
  assert(
    validated.kind === 'valid',
    `${file}: ${validated.kind === 'invalid' && validated.problems.map((it) => `${it.path} ${it.problem}`).join('; ')}`,
  );
  assert(validated.resource.kind === 'DestinationPolicy', `${file} is a DestinationPolicy`);
  return validated.resource;
}
