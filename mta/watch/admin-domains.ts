/**
 * The admin API of sending domains: how one stands in DNS, as of the last look or of one now.
 */
import type { DomainStatus } from '#lib/domain/status.ts';
import { type Answer, json, problem } from '#lib/http/server.ts';
import type { AdminRoute } from './admin-route.ts';

/** How a declared domain stands; DNS is asked `now`, or if it has not been before. */
export type DomainLookUp = (name: string, now: boolean) => Promise<DomainStatus | undefined>;

export function domainRoutes(lookUp: DomainLookUp): AdminRoute[] {
  const show = async (name: string, now: boolean): Promise<Answer> => {
    const status = await lookUp(name.toLowerCase(), now);
    return status ? json(status) : problem(404, 'Not Found', `no SendingDomain has the domain ${name}`);
  };
  return [
    {
      method: 'GET',
      path: '/v1/domains/:name',
      told: {
        operationId: 'showDomain',
        summary: 'How a sending domain stands in DNS, as of the last look.',
        answers: 'Anything',
        refuses: UNDECLARED,
      },
      handle: ({ parameters }) => show(parameters['name'] ?? '', false),
    },
    {
      method: 'POST',
      path: '/v1/domains/:name/check',
      told: {
        operationId: 'checkDomain',
        summary: 'Asks DNS now how a sending domain stands.',
        answers: 'Anything',
        refuses: UNDECLARED,
      },
      handle: ({ parameters }) => show(parameters['name'] ?? '', true),
    },
  ];
}

const UNDECLARED = { 404: 'No SendingDomain declares it.' };
