/**
 * Rights as the chart gives them: the operator's own as `operator/rights.ts` says, and those of people over our kinds. Pure.
 */
import { NAMINGS } from '#crds/definition.ts';
import { yamlText } from '#crds/source/yaml.ts';
import {
  egressHears,
  egressReads,
  egressTells,
  leaderRules,
  namespaceRules,
  operatorRules,
  podRules,
} from '#operator/rights.ts';

const ours = (verbs: readonly string[]): object => ({
  apiGroups: ['postfleet.io'],
  resources: Object.values(NAMINGS).map(({ plural }) => plural),
  verbs,
});

/** Stands for the name that the template knows. */
const PODS_ROLE = 'PODS_ROLE';

/** Rules by who has them; templates read the file. */
export const rightsYaml = (): string =>
  yamlText({
    operator: operatorRules(PODS_ROLE),
    // Where the namespaces are named.
    namespaced: namespaceRules(),
    leader: leaderRules(),
    pods: podRules(),
    egressReads: egressReads(),
    egressTells: egressTells(),
    egressHears: egressHears(),
    view: [ours(['get', 'list', 'watch'])],
    // A cluster is scaled by its own part.
    edit: [
      ours(['create', 'update', 'patch', 'delete', 'deletecollection']),
      { apiGroups: ['postfleet.io'], resources: ['mtaclusters/scale'], verbs: ['get', 'update', 'patch'] },
    ],
  });
