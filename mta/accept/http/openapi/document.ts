/**
 * The OpenAPI 3.1 document of the HTTP API, put together from what each resource says of its own routes.
 */
import { type Answer, json } from '#lib/http/server.ts';
import { domainPaths, domainSchemas } from './domains.ts';
import { messagePaths, messageSchemas } from './messages.ts';
import { problemSchema } from '#lib/http/openapi.ts';
import { returnedPaths, returnedSchemas } from './returned.ts';
import { suppressionPaths, suppressionSchemas } from './suppressions.ts';

/** Made once: it never changes while the process runs. */
export function openApiDocument(): Answer {
  made ??= json(document());
  return made;
}
let made: Answer | undefined;

const document = (): object => ({
  openapi: '3.1.0',
  info: { title: 'Postfleet', version: 'v1', description: 'Hands in mail and tells what became of it.' },
  security: [{ token: [] }],
  paths: { ...messagePaths, ...returnedPaths, ...domainPaths, ...suppressionPaths },
  components: {
    schemas: {
      ...messageSchemas(),
      ...returnedSchemas(),
      ...domainSchemas(),
      ...suppressionSchemas(),
      Problem: problemSchema,
    },
    securitySchemes: {
      token: { type: 'http', scheme: 'bearer', description: 'USERNAME~SECRET of a SendingCredential.' },
    },
  },
});
