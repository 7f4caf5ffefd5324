/**
 * All routes of the HTTP API: those of each resource, from a file of its own, and the document that describes them.
 */
import type { Route } from '#lib/http/server.ts';
import { type DomainParts, domainRoutes } from './domains.ts';
import { type MessageParts, messageRoutes } from './messages.ts';
import { type ReturnedParts, returnedRoutes } from './returned.ts';
import { type SuppressionParts, suppressionRoutes } from './suppressions.ts';
import { openApiDocument } from './openapi/document.ts';

export type ApiParts = MessageParts & DomainParts & ReturnedParts & SuppressionParts;

export const apiRoutes = (parts: ApiParts): Route[] => [
  ...messageRoutes(parts),
  ...returnedRoutes(parts),
  ...domainRoutes(parts),
  ...suppressionRoutes(parts),
  { method: 'GET', path: '/v1/openapi.json', handle: async () => openApiDocument() },
];
