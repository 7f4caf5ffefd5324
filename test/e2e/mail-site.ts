/**
 * The namespace of senders as people use it: by kubectl, and as a sender.
 */
import type { RecordReport } from '#lib/domain/records.ts';
import { SmtpClient } from '../harness/smtp-client.ts';
import { zoneLine } from './external-dns.ts';
import type { Ground } from './ground.ts';

export class MailSite {
  readonly #ground: Ground;

  constructor(ground: Ground) {
    this.#ground = ground;
  }

  mail(...args: readonly string[]): Promise<string> {
    const { kubectl, places } = this.#ground;
    return kubectl.works('--namespace', places.mail, ...args);
  }

  /** A connection that may send. */
  async submission(): Promise<SmtpClient> {
    const [username, password] = await Promise.all([this.secret('username'), this.secret('password')]);
    const { host, port } = await this.#ground.reach(587);
    const client = await SmtpClient.open(port, host);
    await client.startTls();
    const login = Buffer.from(`\0${username}\0${password}`).toString('base64');
    const said = await client.say(`AUTH PLAIN ${login}`);
    if (!said.startsWith('235')) throw new Error(`nobody is let in: ${said}`);
    return client;
  }

  /** Lines of the zone, once the domain says all of them. */
  async recordsOf(name: string): Promise<string[] | undefined> {
    const { status } = JSON.parse(await this.mail('get', `sendingdomain/${name}`, '--output', 'json')) as {
      readonly status?: { readonly records?: readonly RecordReport[] };
    };
    const { records = [] } = status ?? {};
    const keys = records.filter((it) => it.name.includes('_domainkey'));
    const isWhole = keys.length === 2 && records.some(({ purpose }) => purpose === 'DMARC');
    return isWhole ? records.map((it) => zoneLine(it.name, it.type, it.expected[0] ?? '')) : undefined;
  }

  /** Otherwise DNS is looked at every minute. */
  lookAt(name: string): Promise<string> {
    const wish = `postfleet.io/reconcile-at=${new Date().toISOString()}`;
    return this.mail('annotate', '--overwrite', `sendingdomain/${name}`, wish);
  }

  /** Of its Service. */
  ingressAddress(): Promise<string> {
    return this.mail('get', 'service', 'main-ingress', '--output', 'jsonpath={.spec.clusterIP}');
  }

  /** `ready`, or all that is known of it after a while. */
  async stateOf(object: string): Promise<string> {
    const { kubectl, places } = this.#ground;
    const waiting = ['wait', '--for=condition=Ready', object, '--timeout=240s'];
    const { code } = await kubectl.run('--namespace', places.mail, ...waiting);
    return code === 0 ? 'ready' : this.mail('get', object, '--output', 'yaml');
  }

  /** Of the credential that the example declares. */
  secret(key: string): Promise<string> {
    const template = `go-template={{index .data "${key}" | base64decode}}`;
    return this.mail('get', 'secret', 'app-credential', '--output', template);
  }
}
