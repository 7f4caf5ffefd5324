/**
 * Which mailbox provider takes mail: by the hosts that a domain's mail goes to, or by the domain itself. Pure.
 *
 * Mail exchangers say more than the domain (a company's own domain may be hosted anywhere), but all of them must belong
 * to one provider. Domains are listed for the large providers, whose mail is recognised before DNS is asked.
 * What a provider's replies mean and what it takes is said by the policies in `crds/shipped/`, under the same names.
 */

interface Provider {
  readonly name: string;
  readonly domains: readonly string[];
  /** Names of mail exchangers, or what they end in after a dot. */
  readonly exchangers: readonly string[];
}

const words = (text: string): readonly string[] => text.trim().split(/\s+/).filter(Boolean);

const provider = (name: string, exchangers: string, domains = ''): Provider => ({
  name,
  exchangers: words(exchangers),
  domains: words(domains),
});

const PROVIDERS: readonly Provider[] = [
  provider('google', 'google.com googlemail.com', 'gmail.com googlemail.com'),
  provider(
    'outlook',
    'olc.protection.outlook.com',
    `outlook.com hotmail.com live.com msn.com outlook.de outlook.fr outlook.es outlook.it outlook.jp hotmail.co.uk
     hotmail.de hotmail.fr hotmail.it hotmail.es live.co.uk live.de live.fr live.it live.nl hotmail.nl passport.com`,
  ),
  provider('office365', 'mail.protection.outlook.com mx.microsoft', 'onmicrosoft.com'),
  provider(
    'yahoo',
    'yahoodns.net',
    `yahoo.com ymail.com rocketmail.com myyahoo.com yahoo.co.uk yahoo.de yahoo.fr yahoo.it yahoo.es yahoo.ca
     yahoo.com.br yahoo.com.mx yahoo.com.ar yahoo.co.in yahoo.in yahoo.co.id yahoo.com.au aol.com aol.co.uk aol.de
     aim.com verizon.net frontier.com cox.net`,
  ),
  provider('yahoo-japan', 'mail.yahoo.co.jp', 'yahoo.co.jp ybb.ne.jp'),
  provider('apple', 'icloud.com', 'icloud.com me.com mac.com'),
  provider('comcast', 'comcast.net', 'comcast.net'),
  provider('gmx', 'gmx.net web.de', 'gmx.net gmx.de gmx.at gmx.ch gmx.com web.de email.de'),
  provider('mail-com', 'mail.com', 'mail.com email.com usa.com'),
  provider('t-online', 't-online.de', 't-online.de magenta.de'),
  provider('orange', 'orange.fr', 'orange.fr wanadoo.fr'),
  provider('laposte', 'laposte.net', 'laposte.net'),
  provider('free', 'free.fr', 'free.fr aliceadsl.fr'),
  provider('sfr', 'sfr.fr', 'sfr.fr neuf.fr cegetel.net'),
  provider('mail-ru', 'mail.ru', 'mail.ru inbox.ru list.ru bk.ru internet.ru'),
  provider('yandex', 'yandex.ru yandex.net', 'yandex.ru yandex.com ya.ru yandex.by yandex.kz'),
  provider('qq', 'qq.com', 'qq.com foxmail.com vip.qq.com'),
  provider('netease', 'netease.com', '163.com 126.com yeah.net vip.163.com'),
  provider('att', 'prodigy.net', 'att.net sbcglobal.net bellsouth.net'),
  provider('spectrum', 'charter.net', 'charter.net spectrum.net rr.com twc.com roadrunner.com'),
  provider('netvigator', 'netvigator.com', 'netvigator.com'),
  provider('kpn', 'kpnmail.nl', 'kpnmail.nl planet.nl hetnet.nl xs4all.nl'),
  provider('mimecast', 'mimecast.com mimecast.co.za mimecast-offshore.com'),
  provider('proofpoint', 'pphosted.com ppe-hosted.com'),
  provider('barracuda', 'barracudanetworks.com'),
];

export const PROVIDER_NAMES: readonly string[] = PROVIDERS.map((it) => it.name);

const byDomain = new Map(PROVIDERS.flatMap((it) => it.domains.map((domain) => [domain, it.name])));

/** What is known of a destination. */
export interface Whereabouts {
  /** Recipient domain in A-labels. */
  readonly domain?: string;
  /** Hosts its mail goes to, lower case; none when nobody has looked. */
  readonly hosts?: readonly string[];
}

/** The provider's name; undefined for everybody else, and for mail exchangers of more than one. */
export function providerOf({ domain, hosts = [] }: Whereabouts): string | undefined {
  const [first, ...others] = hosts.map(providerOfHost);
  if (hosts.length > 0 && others.every((it) => it === first) && first !== undefined) return first;
  return domain === undefined ? undefined : byDomain.get(domain);
}

function providerOfHost(host: string): string | undefined {
  for (let at = 0; at !== -1; at = host.indexOf('.', at + 1)) {
    const found = byExchanger.get(at === 0 ? host : host.slice(at + 1));
    if (found !== undefined) return found;
  }
  return undefined;
}

const byExchanger = new Map(PROVIDERS.flatMap((it) => it.exchangers.map((suffix) => [suffix, it.name])));
