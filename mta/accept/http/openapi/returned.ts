/**
 * What the OpenAPI document says of mail that came back.
 */
import { REPORT_KINDS } from '../../../mail/report.ts';
import { JSON_TYPE } from '../intake.ts';
import { answer, integer, listOf, named, objectOf, problem, text, unauthorized } from '#lib/http/openapi.ts';

const item = {
  at: { ...integer, description: 'Milliseconds since 1970.' },
  message: text,
  recipient: text,
  report: { type: 'string', enum: REPORT_KINDS, description: 'How it was read.' },
  host: { ...text, description: 'Who handed it in.' },
  foundBy: { type: 'string', enum: ['return-path', 'headers'], description: 'What told which message it is about.' },
  caused: named('Event'),
  copy: { ...text, description: 'Its front, in base64, with CRLF for whatever line ends it had.' },
};

export const returnedSchemas = (): Readonly<Record<string, object>> => ({
  Returned: objectOf(
    { id: text, returned: listOf(objectOf(item, 'at', 'recipient', 'report', 'host')) },
    'id',
    'returned',
  ),
});

const show = {
  operationId: 'showReturned',
  summary: 'What came back for a message, how it was read and what it caused. Needs scope Events.',
  parameters: [{ name: 'id', in: 'path', required: true, schema: text }],
  responses: {
    200: answer('What is kept, oldest first.', JSON_TYPE, 'Returned'),
    ...unauthorized,
    404: problem('Nothing is known of the message.'),
  },
};

export const returnedPaths = { '/v1/messages/{id}/returned': { get: show } };
