/**
 * The README of the chart. Pure.
 */
import { valuesTable } from './values-text.ts';

export const readme = (): string => `# The Postfleet chart

Installs the operator, the kinds it carries out, and, where asked for, monitors, alerts and dashboards. Works with Helm 3 and 4. It has no
subcharts: NATS and Redis belong to an \`MTACluster\`, which names them. [How to install, step by step](../../docs/operations/install.md).

\`\`\`
helm install postfleet helm/postfleet --namespace postfleet --create-namespace \\
  --set image.repository=registry.example.com/postfleet --set operator.hostname=mx.example.com
\`\`\`

The kinds are templates of the chart, so that an upgrade brings their newest form, and they stay when the release is removed
(\`crds.keep\`). An \`MTACluster\` is no part of a release: declare it when the chart is installed.

No value holds a secret, and the chart makes none. \`imagePullSecrets\` names Secrets that are there already.

## Values

Made from \`helm/chart/values.ts\`, as values.yaml and its schema are: \`npm run chart\` writes them, and a test says when they are old.

${valuesTable()}
`;
