/**
 * The test of a record that is removed: of a domain that sends its status says so, and who would send as one that is not proven yet is told.
 */
import { expect, test } from 'vitest';
import { plainMessage } from '../harness/smtp-client.ts';
import { until } from '../harness/until.ts';
import type { Ground } from './ground.ts';
import { MailSite } from './mail-site.ts';

const DOMAIN = 'second.test';
const FROM = `hello@${DOMAIN}`;
const objectIn = (namespace: string): object => ({
  apiVersion: 'postfleet.io/v1alpha1',
  kind: 'SendingDomain',
  metadata: { name: DOMAIN, namespace },
  spec: { domain: DOMAIN, poolRef: { name: 'main' } },
});
const MESSAGE = 'jsonpath={.status.conditions[?(@.type=="Ready")].message}';

const isKey = (record: string): boolean => record.includes('_domainkey');
const nameOf = (record: string): string => record.split('. ')[0] ?? '';

export function testRemovedRecord(given: () => Ground): void {
  let records: readonly string[] = [];
  const write = (lines: readonly string[]): Promise<void> => given().write('test', [...given().receivers, ...lines]);

  test('a record that is removed is named in the status of a domain that sends', async () => {
    const { kubectl, places } = given();
    const site = new MailSite(given());
    await kubectl.apply(objectIn(places.mail));
    records = await until('it says what to publish', () => site.recordsOf(DOMAIN), 60_000, 500);
    await write(records);
    await site.lookAt(DOMAIN);
    expect(await site.stateOf(`sendingdomain/${DOMAIN}`)).toBe('ready');
    const key = records.find(isKey) ?? '';
    await write(records.filter((it) => it !== key));
    const isNamed = async (): Promise<boolean> => {
      await site.lookAt(DOMAIN);
      return (await site.mail('get', `sendingdomain/${DOMAIN}`, '--output', MESSAGE)).includes(nameOf(key));
    };
    await until('the status names it', isNamed, 60_000, 500);
  });

  test('who would send as it once it is declared anew is refused, and told which record to publish', async () => {
    const ground = given();
    const { kubectl, places } = ground;
    const site = new MailSite(ground);
    await site.mail('delete', `sendingdomain/${DOMAIN}`);
    await write(records.filter((it) => !isKey(it)));
    // One that is seen once more would prove the domain.
    for (const it of records.filter(isKey)) {
      const isGone = (): Promise<boolean> => ground.texts(nameOf(it)).then(not, yes);
      await until('DNS has it no more', isGone, 20_000, 100);
    }
    await kubectl.apply(objectIn(places.mail));
    const refused = async (): Promise<string | false> => {
      const client = await site.submission();
      const said = await client.send(FROM, ['you@demo.test'], plainMessage(FROM, 'you@demo.test'));
      client.close();
      return said.includes(`publish TXT ${nameOf(records.find(isKey) ?? '')} `) && said;
    };
    const said = await until('the refusal names it', refused, 60_000, 500);
    expect(said).toMatch(/^550-5\.7\.1 SendingDomain second\.test is not/);
  });
}

const yes = (): boolean => true;
const not = (): boolean => false;
