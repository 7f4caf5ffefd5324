/**
 * The OpenAPI document, by programs that are not ours: a validator takes it, and a generator makes a client of it.
 */
import { Validator } from '@seriousme/openapi-schema-validator';
import { generateSource } from 'oazapfts';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openApiDocument } from '#mta/accept/http/openapi/document.ts';

test('the OpenAPI document is one of version 3.1, by a validator', async () => {
  const validator = new Validator();
  expect(await validator.validate(openApiDocument().body)).toEqual({ valid: true });
  expect(validator.version).toBe('3.1');
});

// After a change of the API: `npx vitest run --project unit test/client.test.ts -u`.
test('the client in test/client is what a generator makes of the document', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'postfleet-client-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'openapi.json');
  writeFileSync(file, openApiDocument().body);
  // The generator writes for programs less strict than this one; what uses the client is checked.
  await expect(`// @ts-nocheck\n${await generateSource(file)}`).toMatchFileSnapshot('client/generated.ts');
});
