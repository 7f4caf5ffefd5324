/**
 * What pods see of Secrets: the keyring, certificates, and what the `MTACluster` refers to. Pure.
 *
 * Only as volumes: no pod has a right on Secrets. Names and paths depend on nothing but the `MTACluster` and the proxies of its pools, so that a
 * key that is made or rotated rolls no pod; every Secret may still be missing when a pod starts. Ingress gets no key that signs mail.
 *
 *   /run/postfleet/keyring                     as `lib/keyring/folder.ts` reads it, and the token of the admin API
 *   /run/postfleet/config/secrets/<name>/<key> what a secretRef or a certificateRef names, as on one machine
 *
 * What a pod itself writes is in `DATA_PATH`, which a container finds again when it is started anew.
 */
import type { MTACluster } from '#crds/kinds/mta-cluster.ts';
import type { SecretRef } from '#crds/parts.ts';
import { ADMIN_TOKEN } from '#lib/keyring/admin-token.ts';
import type { Blueprint, Component } from './child.ts';

export interface Mount {
  readonly name: string;
  readonly path: string;
  readonly volume: { readonly name: string; readonly projected: object };
}

/** As `postfleet provision` fills a folder: the keyring is in it. */
export const KEYS_PATH = '/run/postfleet';
const KEYRING_PATH = `${KEYS_PATH}/keyring`;
export const CONFIG_PATH = `${KEYS_PATH}/config`;
/** The volume of what a pod writes. */
export const DATA_VOLUME = '/var/lib/postfleet';
/** A folder of our own in it: the rights of the volume's are not ours to change. */
export const DATA_PATH = `${DATA_VOLUME}/data`;

/** Secrets of DKIM keys: a Secret holds a megabyte, which is some five hundred RSA keys. */
export const DKIM_PARTS = 16;

/** Secrets of what proves credentials: some five thousand in each. */
export const CREDENTIAL_PARTS = 4;

/** A Secret of the keyring: its name after the cluster's, and the file that it becomes. */
export interface KeyringPart {
  readonly name: string;
  readonly path: string;
  readonly isForIngress: boolean;
}

const numbered = (folder: string, part: number, isForIngress: boolean): KeyringPart => {
  const number = String(part).padStart(2, '0');
  return { name: `keyring-${folder}-${number}`, path: `${folder}/${number}.json`, isForIngress };
};

/** Keys that sign mail. */
export const dkimPart = (part: number): KeyringPart => numbered('dkim', part, false);
export const credentialsPart = (part: number): KeyringPart => numbered('credentials', part, true);
/** Keys that sign return paths. */
export const RETURN_PATH_PART: KeyringPart = {
  name: 'keyring-return-path',
  path: 'return-path/bundle.json',
  isForIngress: true,
};

/** What signs webhooks. No pod has it before something delivers them. */
export const SINK_PART: KeyringPart = { name: 'keyring-sinks', path: 'sinks/bundle.json', isForIngress: false };

/** What of the keyring the pods of a component see. */
export const keyringPartsOf = (component: Component): KeyringPart[] =>
  [
    ...Array.from({ length: CREDENTIAL_PARTS }, (_, part) => credentialsPart(part)),
    RETURN_PATH_PART,
    ...Array.from({ length: DKIM_PARTS }, (_, part) => dkimPart(part)),
  ].filter(({ isForIngress }) => component === 'worker' || isForIngress);

type MountsOf = Pick<Blueprint, 'cluster' | 'proxyLogins'>;

/** The one key in a Secret of the keyring. */
export const BUNDLE = 'bundle.json';

export function mountsOf({ cluster, proxyLogins }: MountsOf, component: Component): Mount[] {
  const keyring = keyringPartsOf(component).map(({ name, path }) =>
    secret(`${cluster.metadata.name}-${name}`, [{ key: BUNDLE, path }]),
  );
  const { secret: tokenName, key, path } = ADMIN_TOKEN;
  const token = secret(`${cluster.metadata.name}-${tokenName}`, [{ key, path }]);
  const chosen = secretsOf(cluster, component === 'worker' ? proxyLogins : [], component);
  return [
    projected('keyring', KEYRING_PATH, [...keyring, token]),
    ...(chosen.length === 0 ? [] : [projected('secrets', `${CONFIG_PATH}/secrets`, chosen)]),
  ];
}

const projected = (name: string, path: string, sources: readonly object[]): Mount => ({
  name,
  path,
  volume: { name, projected: { defaultMode: 0o440, sources } },
});

const secret = (name: string, items: readonly { readonly key: string; readonly path: string }[]): object => ({
  secret: { name, items, optional: true },
});

function secretsOf({ spec }: MTACluster, more: readonly SecretRef[], component: Component): object[] {
  const { nats } = spec.queue;
  const { redis } = spec.limits;
  const shared = [nats?.credentialsRef, nats?.caRef, redis?.passwordRef, redis?.caRef];
  const own = component === 'worker' ? [spec.egress.tlsCARef, spec.egress.authRef] : certificateRefs(spec);
  const refs = [...shared, ...own, ...more];
  const byName = Map.groupBy(
    refs.filter((it) => it !== undefined),
    ({ name }) => name,
  );
  return [...byName].map(([name, all]) => secret(name, itemsOf(name, all)));
}

const itemsOf = (name: string, refs: readonly SecretRef[]): { key: string; path: string }[] =>
  [...new Set(refs.map(({ key }) => key))].map((key) => ({ key, path: `${name}/${key}` }));

const certificateRefs = ({ ingress }: MTACluster['spec']): SecretRef[] =>
  ingress.listeners
    .flatMap(({ tls }) => tls?.certificateRefs ?? [])
    .flatMap(({ name }) => ['tls.crt', 'tls.key'].map((key) => ({ name, key })));
