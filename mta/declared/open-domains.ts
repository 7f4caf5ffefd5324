/**
 * Whom a process of several asks how domains stand: the operator in Kubernetes, DNS elsewhere.
 */
import { type DomainAnswers, Domains } from './domains.ts';
import type { Ground } from '../roles/ground.ts';
import { OperatedDomains } from './operated-domains.ts';

export const openDomains = async (ground: Ground): Promise<DomainAnswers> =>
  ground.isOperated ? OperatedDomains.open(ground) : Domains.open(ground);
