/**
 * Everything that an `MTACluster` becomes, in the order in which it is to be made. Pure.
 *
 * Workers before ingress: what accepts mail is changed only when what delivers it runs already.
 */
import { accounts } from './account.ts';
import type { Blueprint, Child } from './child.ts';
import { ingressDeployment, workerDeployment } from './deployment.ts';
import { networkPolicies } from './network.ts';
import { readers } from './readers.ts';
import { disruptionBudgets, ingressService } from './service.ts';

export const workload = (blueprint: Blueprint): Child[] => [
  ...accounts(blueprint),
  ...readers(blueprint),
  ...networkPolicies(blueprint),
  ...disruptionBudgets(blueprint),
  ...ingressService(blueprint),
  workerDeployment(blueprint),
  ingressDeployment(blueprint),
];
