/**
 * NATS servers that want to know who we are, over TLS: an operator, an account with streams and a user of it, as `nsc` would make them.
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nkeys } from '@nats-io/transport-node';
import { selfMadeCertificate } from '#lib/run/certificate.ts';
import type { Stage } from './stage.ts';

type Key = ReturnType<typeof nkeys.createUser>;

/** Lines of a server's configuration, and what its clients have. */
export interface Secured {
  readonly lines: readonly string[];
  /** PEM of whom the server is signed by. */
  readonly ca: string;
  /** A credentials file. */
  readonly credentials: string;
}

const NO_LIMITS = { subs: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
const STREAMS = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };

export async function secured(stage: Stage): Promise<Secured> {
  const { lines: tls, ca } = await tlsLines(stage);
  const [operator, system, account, user] = [
    nkeys.createOperator(),
    nkeys.createAccount(),
    nkeys.createAccount(),
    nkeys.createUser(),
  ];
  const accountOf = (limits: object): object => ({
    type: 'account',
    limits,
    default_permissions: { pub: {}, sub: {} },
  });
  const preload = [
    `${system.getPublicKey()}: "${tokenOf(system, operator, accountOf(NO_LIMITS))}"`,
    `${account.getPublicKey()}: "${tokenOf(account, operator, accountOf({ ...NO_LIMITS, ...STREAMS }))}"`,
  ];
  return {
    lines: [
      ...tls,
      `operator: "${tokenOf(operator, operator, { type: 'operator', system_account: system.getPublicKey() })}"`,
      `system_account: ${system.getPublicKey()}`,
      'resolver: MEMORY',
      `resolver_preload: { ${preload.join(', ')} }`,
    ],
    ca,
    credentials: fileOf(
      tokenOf(user, account, { type: 'user', pub: {}, sub: {}, subs: -1, data: -1, payload: -1 }),
      user,
    ),
  };
}

/** A server that proves its name on loopback. */
export async function tlsLines(stage: Stage): Promise<Pick<Secured, 'lines' | 'ca'>> {
  const folder = stage.folder('nats-tls');
  const { cert, key } = await selfMadeCertificate(['127.0.0.1', 'localhost']);
  writeFileSync(join(folder, 'tls.crt'), cert);
  writeFileSync(join(folder, 'tls.key'), key);
  return { lines: [`tls { cert_file: "${folder}/tls.crt", key_file: "${folder}/tls.key" }`], ca: cert };
}

/** A token about one key, signed by another (NATS JWT, version 2). */
function tokenOf(subject: Key, issuer: Key, nats: object): string {
  const claims = { iat: 1_700_000_000, iss: issuer.getPublicKey(), name: 'test', sub: subject.getPublicKey() };
  const whole = { ...claims, nats: { ...nats, version: 2 } };
  const jti = createHash('sha256').update(JSON.stringify(whole)).digest('hex').toUpperCase();
  const part = (it: object): string => Buffer.from(JSON.stringify(it)).toString('base64url');
  const text = `${part({ typ: 'JWT', alg: 'ed25519-nkey' })}.${part({ jti, ...whole })}`;
  return `${text}.${Buffer.from(issuer.sign(Buffer.from(text))).toString('base64url')}`;
}

const fileOf = (token: string, user: Key): string =>
  [
    '-----BEGIN NATS USER JWT-----',
    token,
    '------END NATS USER JWT------',
    '',
    '************************* IMPORTANT *************************',
    '-----BEGIN USER NKEY SEED-----',
    Buffer.from(user.getSeed()).toString(),
    '------END USER NKEY SEED------',
    '',
  ].join('\n');
