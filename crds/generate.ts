/**
 * `npm run crds`: writes the CustomResourceDefinitions to `generated/`, a file a kind.
 */
import { writeFileSync } from 'node:fs';
import { definitionOf } from './definition.ts';
import { KINDS, type Kind } from './kinds.ts';
import { yamlText } from './source/yaml.ts';

for (const kind of Object.keys(KINDS) as Kind[])
  writeFileSync(new URL(`generated/${kind.toLowerCase()}.yaml`, import.meta.url), yamlText(definitionOf(kind)));
