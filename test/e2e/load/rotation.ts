/**
 * The keys of a domain, through all phases of their life: those that sign are followed, retire, are revoked and go.
 *
 * Days pass between the last of these. They are not waited for: the date of a key's phase, which its Secret says, is set back.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { until } from '../../harness/until.ts';
import type { Fleet } from './fleet.ts';

const DOMAIN = 'sendingdomain/example.com';
const FAMILIES = 2;
const WITHIN = 240_000;
const EVERY = 1000;
/** Longer than a record is kept, and than it says that it is revoked. */
const LONG_AGO = 60 * 24 * 3600 * 1000;

interface Key {
  readonly metadata: { readonly name: string; readonly annotations: Readonly<Record<string, string>> };
  readonly data: Readonly<Record<string, string>>;
}

/** Resolves when the last keys are gone; `texts` asks DNS. */
export async function rotate(fleet: Fleet, texts: (name: string) => Promise<readonly string[]>): Promise<void> {
  const old = (await keysOf(fleet)).map(({ metadata }) => metadata.name);
  await annotate(fleet, DOMAIN, { 'rotate-at': new Date().toISOString() });
  await come(fleet, 'others sign', (keys) => {
    const [before, after] = [keys.filter((it) => isIn(old, it)), keys.filter((it) => !isIn(old, it))];
    return all(after, 'Active', FAMILIES) && all(before, 'Retiring', FAMILIES);
  });
  const ofOld = (keys: readonly Key[]): Key[] => keys.filter((it) => isIn(old, it));
  const selectors = ofOld(await keysOf(fleet)).map(selectorOf);
  await come(fleet, 'those are retired', (keys) => all(ofOld(keys), 'Retired', FAMILIES), 'Retiring');
  for (const it of selectors) {
    const isRevoked = async (): Promise<boolean> => {
      const said = await texts(`${it}._domainkey.example.com`).catch(() => []);
      return said.some((text) => /p=;?$/.test(text));
    };
    await until(`${it} is revoked in DNS`, isRevoked, WITHIN, EVERY);
  }
  const areGone = (keys: readonly Key[]): boolean => ofOld(keys).length === 0 && all(keys, 'Active', FAMILIES);
  await come(fleet, 'they are gone', areGone, 'Retired');
}

const isIn = (names: readonly string[], { metadata }: Key): boolean => names.includes(metadata.name);

const all = (keys: readonly Key[], phase: string, count: number): boolean =>
  keys.length === count && keys.every((it) => phaseOf(it) === phase);

const phaseOf = ({ metadata }: Key): string | undefined => metadata.annotations['postfleet.io/phase'];

const selectorOf = ({ data }: Key): string => Buffer.from(data['selector'] ?? '', 'base64').toString();

async function keysOf(fleet: Fleet): Promise<readonly Key[]> {
  const what = ['get', 'secrets', '--field-selector', 'type=postfleet.io/dkim-key', '--output', 'json'];
  const { items } = JSON.parse(await fleet.mail(...what)) as { readonly items: readonly Key[] };
  return items.filter(({ metadata }) => metadata.annotations['postfleet.io/sending-domain'] === 'example.com');
}

/**
 * DNS is looked at again each time, lest a minute pass. Keys in the phase `past` have been in it for long: said again and again, because
 * their time begins anew while a worker has not said that it has heard.
 */
async function come(
  fleet: Fleet,
  what: string,
  isSo: (keys: readonly Key[]) => boolean,
  past?: 'Retiring' | 'Retired',
): Promise<void> {
  const look = async (): Promise<boolean> => {
    for (const { metadata } of (await keysOf(fleet)).filter((it) => phaseOf(it) === past))
      await annotate(fleet, `secret/${metadata.name}`, {
        'phase-since': new Date(Date.now() - LONG_AGO).toISOString(),
      });
    await annotate(fleet, DOMAIN, { 'reconcile-at': new Date().toISOString() });
    await pause(EVERY);
    return isSo(await keysOf(fleet));
  };
  await until(what, look, WITHIN, EVERY);
}

async function annotate(fleet: Fleet, object: string, values: Readonly<Record<string, string>>): Promise<void> {
  const pairs = Object.entries(values).map(([name, value]) => `postfleet.io/${name}=${value}`);
  await fleet.mail('annotate', '--overwrite', object, ...pairs);
}
