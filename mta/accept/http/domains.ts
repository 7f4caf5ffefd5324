/**
 * The routes of sending domains: how one stands in DNS, for the credentials that may send as it.
 *
 * A domain of somebody else is as unknown as one that nobody declared.
 */
import { keyOf } from '#crds/resource.ts';
import type { DomainStatus } from '#lib/domain/status.ts';
import { json, problem, type Route } from '#lib/http/server.ts';
import type { Authority } from '../authority.ts';
import { allowing, type Handler } from './bearer.ts';

export interface DomainParts {
  readonly authority: Authority;
  /** How the domain of a resource, `namespace/name`, stands in DNS. */
  readonly domainStatus: (resource: string) => Promise<DomainStatus | undefined>;
}

export function domainRoutes({ authority, domainStatus }: DomainParts): Route[] {
  const show: Handler = async (submitter, { parameters }) => {
    const domain = authority.domainFor(submitter, (parameters['name'] ?? '').toLowerCase());
    const status = domain && (await domainStatus(keyOf(domain.metadata)));
    return status ? json(status) : problem(404, 'Not Found', 'this credential has no SendingDomain of that name');
  };
  return [{ method: 'GET', path: '/v1/domains/:name', ...allowing(authority, 'Submit', show) }];
}
