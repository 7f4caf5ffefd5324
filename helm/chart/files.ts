/**
 * Every file of the chart that is written by program, by its path in the chart. The rest, its templates, is written by hand.
 *
 * Reads what lies beside it in the checkout; writes nothing.
 */
import { readFileSync } from 'node:fs';
import { definitionOf } from '#crds/definition.ts';
import { KINDS, type Kind } from '#crds/kinds.ts';
import { yamlText } from '#crds/source/yaml.ts';
import { dashboardFiles } from '../dashboards/all.ts';
import { readme } from './readme.ts';
import { rightsYaml } from './rights.ts';
import { valuesSchema, valuesYaml } from './values-text.ts';

const ROOT = new URL('../../', import.meta.url);

const textOf = (path: string): string => readFileSync(new URL(path, ROOT), 'utf8');

export function chartFiles(): ReadonlyMap<string, string> {
  const { version } = JSON.parse(textOf('package.json')) as { version: string };
  return new Map([
    ['Chart.yaml', chartYaml(version)],
    ['README.md', readme()],
    ['values.yaml', valuesYaml()],
    ['values.schema.json', valuesSchema()],
    ['files/rights.yaml', rightsYaml()],
    ['files/alerts.yaml', textOf('docs/reference/alerts.yaml')],
    ...(Object.keys(KINDS) as Kind[]).map(
      (kind) => [`files/crds/${kind.toLowerCase()}.yaml`, yamlText(definitionOf(kind))] as const,
    ),
    ...[...dashboardFiles()].map(([name, text]) => [`files/dashboards/${name}`, text] as const),
  ]);
}

/** The chart has the version of what it installs. */
const chartYaml = (version: string): string =>
  yamlText({
    apiVersion: 'v2',
    name: 'postfleet',
    description: 'The operator of Postfleet, a distributed mail transfer system, with its kinds, alerts and dashboards',
    type: 'application',
    version,
    appVersion: version,
    kubeVersion: '>=1.31.0-0',
    annotations: {
      'artifacthub.io/category': 'integration-delivery',
      'artifacthub.io/license': 'Apache-2.0',
      'artifacthub.io/operator': 'true',
      'artifacthub.io/prerelease': 'true',
    },
  });
